"""Runs a node by a group of pods, and ends as if it had run here."""

from __future__ import annotations

from gmlm.errors import StageFailedError, TrainingError
from gmlm.kubernetes.launcher.cluster import Cluster
from gmlm.kubernetes.launcher.follow import Follower
from gmlm.kubernetes.launcher.group import PodGroup, describe_group
from gmlm.kubernetes.launcher.ownership import PipelineRun, own_run
from gmlm.kubernetes.node import NodeResult, Work, run_planned_node
from gmlm.kubernetes.planning import study_of
from gmlm.kubernetes.profile import Profile
from gmlm.kubernetes.statuses import find_failure
from gmlm.manifest import Manifest, find_manifest
from gmlm.storage import Store
from gmlm.study.plan import Plan, PlannedNode


def launch_node(store: str, plan: str, node: str, profile: str, study_folder: str = "") -> NodeResult:
    """Run one node of a plan by a group of pods, unless it is finished; called again, follow the group that is there.

    Args:
        store: The store of the study, as pods see it.
        plan: Key of the plan.
        node: Id of the node.
        profile: The profile as JSON; it has `multi_node`.
        study_folder: As for `plan_study`.

    Raises:
        GmlmError: As `run_planned_node`.
    """
    work = by_group(Profile.model_validate_json(profile), store, plan, study_folder)
    return run_planned_node(store, plan, node, study_folder, work=work)


def by_group(profile: Profile, store: str, plan: str, study_folder: str, cluster: Cluster | None = None) -> Work:
    """What runs a node by a group of pods; without a cluster, the one around this pod is taken."""

    def work(settled: PlannedNode, planned: Plan, opened: Store) -> Manifest:
        chosen = cluster or Cluster()
        group = group_of(profile, settled, store=store, plan=plan, study_folder=study_folder, run=own_run(chosen))
        Follower(chosen, group).run()
        return _result(settled, opened, study_of(plan))

    return work


def group_of(
    profile: Profile, settled: PlannedNode, *, store: str, plan: str, study_folder: str, run: PipelineRun
) -> PodGroup:
    """The group that runs a planned node."""
    return describe_group(
        profile,
        store=store,
        plan=plan,
        study=study_of(plan),
        node=settled.node.id,
        fingerprint=settled.fingerprint,
        study_folder=study_folder,
        run=run.id,
        owner=run.workflow,
    )


def _result(settled: PlannedNode, store: Store, study: str) -> Manifest:
    """What the group has left: the manifest, or the failure that rank 0 has recorded, which would come again."""
    manifest = find_manifest(store, settled.prefix)
    if manifest is not None:
        return manifest
    failure = find_failure(store, study, settled.node.id)
    if failure is not None and failure.fingerprint == settled.fingerprint:
        raise StageFailedError(f"{failure.error}: {failure.message}", where=settled.node.id)
    raise TrainingError("the pods ended well and left no manifest", where=settled.node.id, fix="read their logs")
