"""The dashboards, one file each."""

from gmlm.monitoring.dashboards.evaluation import EVALUATION
from gmlm.monitoring.dashboards.gpus import GPUS
from gmlm.monitoring.dashboards.pretraining import PRETRAINING
from gmlm.monitoring.dashboards.study import STUDY_OVERVIEW
from gmlm.monitoring.dashboards.translation import TRANSLATION

DASHBOARDS = (STUDY_OVERVIEW, PRETRAINING, TRANSLATION, EVALUATION, GPUS)
"""All of them; each links to the others."""

__all__ = ["DASHBOARDS", "EVALUATION", "GPUS", "PRETRAINING", "STUDY_OVERVIEW", "TRANSLATION"]
