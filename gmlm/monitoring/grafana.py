"""Builds Grafana's JSON of a dashboard with its own SDK (grafana-foundation-sdk, of the group `dev`)."""

from __future__ import annotations

from typing import TypeVar

from grafana_foundation_sdk.builders import bargauge, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

from gmlm.monitoring.panels import Annotation, DashboardSpec, Panel, Variable

DATA_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
TAG = "gmlm"
HEIGHT = 8
"""Rows of Grafana's grid that a panel takes."""

AnyPanel = TypeVar("AnyPanel", timeseries.Panel, stat.Panel, bargauge.Panel)


def dashboard_json(spec: DashboardSpec) -> str:
    """The dashboard as Grafana imports it, with sorted keys."""
    built = (
        builders.Dashboard(spec.title)
        .uid(spec.uid)
        .description(spec.description)
        .tags([TAG])
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .link(_link_to_others())
        .annotations([_annotation(annotation) for annotation in spec.annotations])
        .with_variable(builders.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for variable in (STUDY_VARIABLE, *spec.variables):
        built = built.with_variable(_variable(variable))
    for title, panels in spec.rows.items():
        built = built.with_row(builders.Row(title))
        for panel in panels:
            built = built.with_panel(_panel(panel))
    return JSONEncoder(sort_keys=True, indent=2).encode(_with_targets(built.build())) + "\n"


STUDY_VARIABLE = Variable("study", "Study", "label_values(gmlm_stage_running, study)")


def _with_targets(built: models.Dashboard) -> models.Dashboard:
    """Give the queries of a panel their letters, which the SDK leaves to its user."""
    for panel in built.panels or []:
        if isinstance(panel, models.Panel):
            for letter, target in zip("ABCDEFGH", panel.targets or [], strict=False):
                target.ref_id = letter  # type: ignore[attr-defined]
    return built


def _link_to_others() -> builders.DashboardLink:
    return (
        builders.DashboardLink("Other dashboards of gmlm")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def _annotation(annotation: Annotation) -> builders.AnnotationQuery:
    return (
        builders.AnnotationQuery()
        .name(annotation.name)
        .datasource(DATA_SOURCE)
        .enable(True)
        .icon_color(annotation.color)
        .expr(annotation.expr)
    )


def _variable(variable: Variable) -> builders.QueryVariable | builders.TextBoxVariable:
    if variable.text:
        return builders.TextBoxVariable(variable.name).label(variable.label).default_value(variable.text)
    return (
        builders.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(DATA_SOURCE)
        .query(variable.query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all", selected=True))
    )


def _panel(panel: Panel) -> timeseries.Panel | stat.Panel | bargauge.Panel:
    if panel.kind == "number":
        return _filled(stat.Panel().reduce_options(_last_value()), panel)
    if panel.kind == "bars":
        return _filled(
            bargauge.Panel()
            .reduce_options(_last_value())
            .orientation(common.VizOrientation.HORIZONTAL)
            .display_mode(common.BarGaugeDisplayMode.BASIC),
            panel,
        )
    lines = timeseries.Panel().line_width(1).fill_opacity(5)
    if panel.thresholds:
        lines = lines.thresholds_style(
            common_builders.GraphThresholdsStyleConfig().mode(common.GraphTresholdsStyleMode.DASHED)
        )
    if panel.log:
        scale = common_builders.ScaleDistributionConfig().type(common.ScaleDistribution.LOG).log(10)
        lines = lines.scale_distribution(scale)
    return _filled(lines, panel)


def _filled(builder: AnyPanel, panel: Panel) -> AnyPanel:
    """What panels of every kind have."""
    builder = (
        builder.title(panel.title)
        .description(panel.description)
        .datasource(DATA_SOURCE)
        .unit(panel.unit)
        .span(panel.width)
        .height(HEIGHT)
        .thresholds(_thresholds(panel))
    )
    for query in panel.queries:
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).datasource(DATA_SOURCE).range()
        builder = builder.with_target(target)
    return builder


def _last_value() -> common_builders.ReduceDataOptions:
    """The last value within the chosen time: a run that has ended still shows its result."""
    return common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _thresholds(panel: Panel) -> builders.ThresholdsConfig:
    steps = [models.Threshold(value=None, color="green")]
    steps += [models.Threshold(value=threshold.value, color=threshold.color) for threshold in panel.thresholds]
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
