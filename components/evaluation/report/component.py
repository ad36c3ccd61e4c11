"""Write the report of a study and show its pages."""

from kfp import dsl

from components.decorator import component


@component
def report(
    store: str,
    plan: str,
    node: str,
    manifest: dsl.Output[dsl.Artifact],
    html: dsl.Output[dsl.HTML],
    markdown: dsl.Output[dsl.Markdown],
    study_folder: str = "",
) -> None:
    """Write the report of a study and show its pages.

    Args:
        store: Folder or s3://bucket/prefix of the study.
        plan: Key of the plan in the store, from plan_study.
        node: Id of the node, such as report, the stage, as a study has one.
        manifest: The node's manifest, or its status where it failed.
        html: The report as one page.
        markdown: The report as Markdown.
        study_folder: Where relative input paths of the study start: a folder, or s3://bucket/prefix.
    """
    from gmlm.kubernetes.artifacts import write_manifest, write_page
    from gmlm.kubernetes.node import run_planned_node

    result = run_planned_node(store, plan, node, study_folder)
    write_manifest(result, manifest)
    write_page(result, "html", html)
    write_page(result, "md", markdown)


if __name__ == "__main__":
    from kfp.compiler import Compiler

    Compiler().compile(report, __file__.replace(".py", ".yaml"))
