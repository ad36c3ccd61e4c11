"""UIMA CAS as XMI or JSON, as INCEpTION, WebAnno and GraSCCo's annotations have it; read by DKPro's `cassis`.

`annotation_type` names the type of the annotations, whole or by its last part (default `NamedEntity`); `label_field`
names the feature that holds the label (default `value`). Offsets of XMI count UTF-16 units; cassis turns them into
characters.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gmlm.config import TaskConfig
from gmlm.errors import DataFormatError
from gmlm.finetuning.examples import Span, SpanDocument
from gmlm.finetuning.files import type_system_of
from gmlm.finetuning.intake import Intake, is_unicode
from gmlm.finetuning.spans import flatten, trimmed

DEFAULT_TYPE, DEFAULT_FEATURE = "NamedEntity", "value"


def read_cas(path: Path, config: TaskConfig, intake: Intake) -> Iterator[SpanDocument]:
    """The document of a CAS.

    Raises:
        DataFormatError: It is no CAS, lacks its type system, or has no such type of annotation.
        LabelError: A span lies outside the text.
    """
    cas = _load(path)
    text = cas.sofa_string
    if not text or not text.strip():
        intake.reject(path.stem, "no text")
        return
    if not is_unicode(text):
        intake.reject(path.stem, "invalid Unicode")
        return
    spans = [trimmed(span, text, where=path.name) for span in _spans(cas, config, path, intake)]
    yield SpanDocument(path.stem, text, flatten(spans, intake, config.nesting_level))


def _load(path: Path) -> Any:
    import cassis

    types = type_system_of(path)
    if path.suffix.lower() == ".xmi" and types is None:
        raise DataFormatError("no type system", where=str(path), fix="put its TypeSystem.xml beside the XMI file")
    try:
        with path.open("rb") as file:
            if types is None:
                return cassis.load_cas_from_json(file)
            with types.open("rb") as schema:
                return cassis.load_cas_from_xmi(file, typesystem=cassis.load_typesystem(schema))
    except Exception as error:  # cassis and lxml raise dozens of kinds, some with text in their messages
        what = f"not a CAS that cassis can load ({type(error).__name__})"
        raise DataFormatError(what, where=str(path), fix="export it again as UIMA CAS XMI or JSON") from None


def _spans(cas: Any, config: TaskConfig, path: Path, intake: Intake) -> Iterator[Span]:
    wanted, feature = config.annotation_type or DEFAULT_TYPE, config.label_field or DEFAULT_FEATURE
    names = sorted(kind.name for kind in cas.typesystem.get_types())
    types = [name for name in names if name == wanted or name.rpartition(".")[2] == wanted]
    if not types:
        fix = f"set 'annotation_type' to one of {', '.join(name for name in names if 'uima' not in name)}"
        raise DataFormatError(f"no annotations of type {wanted!r}", where=str(path), fix=fix)
    for name in types:
        for annotation in cas.select(name):
            label = getattr(annotation, feature, None)
            if isinstance(label, str) and label:
                yield Span(annotation.begin, annotation.end, label)
            else:
                intake.leave_out("spans without a label")
