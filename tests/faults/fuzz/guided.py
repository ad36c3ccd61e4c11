"""Coverage-guided fuzzing by atheris: `guided.py TARGET INPUTS`; a crash leaves its input and ends with an error."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["gmlm"]):
    from targets import TARGETS  # beside this script


def main() -> None:
    """Fuzz one target, beginning with its sound input."""
    name, inputs = sys.argv[1], sys.argv[2]
    target, sound = TARGETS[name]
    target(sound)
    corpus = Path(tempfile.mkdtemp(prefix="gmlm-corpus-"))
    (corpus / "sound").write_bytes(sound)
    limits = ["-max_len=4096", "-timeout=20", "-rss_limit_mb=4096", "-seed=1"]
    atheris.Setup([sys.argv[0], f"-runs={inputs}", *limits, str(corpus)], target)
    atheris.Fuzz()


main()
