"""Peak memory of ingesting one PubMed XML file of 1 GB, or of as many bytes as the argument says."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from record import finish

GOAL = 300.0
SIZE = 1_000_000_000
ARTICLE = (
    '<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID><Article><Journal><JournalIssue><PubDate><Year>2020'
    "</Year></PubDate></JournalIssue><Title>J</Title></Journal><ArticleTitle>{title}</ArticleTitle><Abstract>"
    '<AbstractText Label="BACKGROUND">{one}</AbstractText><AbstractText Label="RESULTS">{two}</AbstractText></Abstract>'
    "<Language>eng</Language></Article></MedlineCitation></PubmedArticle>\n"
)


def write_file(path: Path, size: int) -> int:
    """Write articles until the file has the size; return their number."""
    choose = random.Random(13)
    words = ["".join(choose.choices("etaoinshrdlucm", k=choose.randint(2, 11))) for _ in range(5000)]
    number = 0
    with path.open("w", encoding="utf-8") as file:
        written = file.write("<PubmedArticleSet>\n")
        while written < size:
            number += 1
            title, one, two = (" ".join(choose.choices(words, k=length)) for length in (12, 90, 130))
            written += file.write(ARTICLE.format(pmid=number, title=title, one=one, two=two))
        file.write("</PubmedArticleSet>\n")
    return number


def ingest_file(path: Path) -> None:
    """Run in a process of its own: ingest the file and print peak memory (MB) and CPU time (s)."""
    from gmlm.config import SourceConfig
    from gmlm.corpus.ingest import ingest
    from gmlm.stage import StageRun
    from gmlm.storage.local import LocalStore

    folder = path.parent
    (folder / "scratch").mkdir()
    config = SourceConfig(reader="pubmed_xml", path=str(path))
    run = StageRun("ingest", "p", LocalStore(folder / "s"), "ingest/p/x", folder / "scratch", "f" * 64, 13, folder, {})
    made = ingest(config, run)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(made.counters["out"], peak, time.process_time())


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pubmed.xml"
        articles = write_file(path, size)
        command = [sys.executable, __file__, "--ingest", str(path)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert int(output[0]) == articles
    figures = {"peak MB": float(output[1]), "CPU seconds": float(output[2]), "articles": float(articles)}
    finish("pubmed_memory", figure=figures["peak MB"], goal=GOAL, figures=figures, settings={"bytes": size})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ingest"]:
        ingest_file(Path(sys.argv[2]))
    else:
        main()
