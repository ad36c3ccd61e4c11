"""Every real file that a study may name is read whole; the counts come from reading it another way."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gmlm.config import RecipeConfig, TokenizerConfig, TokenizerTraining, TokensConfig
from gmlm.corpus.build import build_corpus
from gmlm.corpus.tokenize import tokenize_corpus
from gmlm.corpus.tokenizer import build_tokenizer

pytestmark = pytest.mark.realdata

SOURCES: dict[str, dict[str, Any]] = {
    "pubmedqa": {
        "reader": "jsonl",
        "path": "en_pubmedqa/pubmedqa.jsonl",
        "text_fields": ("question", "contexts", "long_answer"),
        "id_field": "id",
        "meta_fields": ("mesh", "year"),
    },
    "medquad": {
        "reader": "jsonl",
        "path": "en_medquad/medquad.jsonl",
        "text_fields": ("answer",),
        "id_field": "id",
        "meta_fields": ("source", "focus"),
    },
    "pubmed": {"reader": "pubmed_xml", "path": "en_pubmed_xml"},
    "pmc": {"reader": "jats", "path": "en_pubmed_xml"},
    "anamnesis": {
        "reader": "csv",
        "path": "de_germediq/GerMedIQ-Human.csv",
        "delimiter": ";",
        "text_fields": ("question", "response"),
        "meta_fields": ("questionnaire",),
        "language": "de",
    },
    "letters": {"reader": "jsonl", "path": "de_grascco_phi/letters.jsonl", "id_field": "id", "language": "de"},
    "encyclopedia": {
        "reader": "jsonl",
        "path": "de_xquad/xquad.de.json",
        "records_field": "data.paragraphs",
        "text_fields": ("context",),
        "language": "de",
    },
    "summaries": {
        "reader": "jsonl",
        "path": "de_clef19_nts/nts.jsonl",
        "text_fields": ("text_de",),
        "id_field": "id",
        "language": "de",
    },
}

Read = Callable[[str], Any]


@pytest.fixture
def read(run_ingest: Callable[..., Any], real_data: Path) -> Read:
    """Ingest one of the sources."""

    def run(name: str) -> Any:
        config = dict(SOURCES[name])
        return run_ingest(str(real_data / config.pop("path")), name=name, **config)

    return run


def squeezed(text: str) -> str:
    return "".join(text.split())


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_every_pubmedqa_abstract_is_read_with_all_its_sections(read, real_data):
    manifest, documents = read("pubmedqa")
    lines = json_lines(real_data / "en_pubmedqa/pubmedqa.jsonl")
    assert manifest.counters == {"in": 500, "out": 500, "rejected": 0}
    for document, line in zip(documents, lines, strict=True):
        assert document.id == line["id"]
        assert document.meta["mesh"].split("; ") == line["mesh"]
        assert squeezed(document.text) == squeezed("".join([line["question"], *line["contexts"], line["long_answer"]]))


def test_exact_duplicates_among_medquads_answers_are_dropped(read, real_data, make_run):
    manifest, documents = read("medquad")
    answers = [
        re.findall(r"\w+", line["answer"].casefold()) for line in json_lines(real_data / "en_medquad/medquad.jsonl")
    ]
    assert len(documents) == len(answers) == 3000
    recipe = RecipeConfig(sources={"medquad": {}}, language="en", min_characters=0, identify_language=False)
    counters = build_corpus(recipe, make_run("corpus", "en", inputs={"medquad": manifest})).counters
    assert counters["out"] == len({tuple(answer) for answer in answers}) < 3000
    assert counters["dropped: duplicate"] == 80 == 3000 - counters["out"]


def test_the_pubmed_record_is_whole(read, real_data):
    _, (document,) = read("pubmed")
    raw = (real_data / "en_pubmed_xml/pubmed-29768149.xml").read_text(encoding="utf-8")
    assert document.id == "29768149"
    assert document.text.startswith("Inhaled Combined Budesonide-Formoterol as Needed in Mild Asthma.\n\nBACKGROUND\n")
    assert re.findall(r"^[A-Z]+$", document.text, re.M) == re.findall(r'AbstractText Label="(\w+)"', raw)
    assert "fast-acting β2-agonist may be" in document.text
    assert document.meta["mesh"].count("; ") + 1 == raw.count("<DescriptorName")


def test_the_full_texts_hold_their_headings_but_no_references_or_citation_numbers(read, real_data):
    _, documents = read("pmc")
    assert [document.id for document in documents] == ["PMC2329613", "PMC1790863"]
    for document, name in zip(documents, ("1472-6831-8-11.nxml", "pone.0000217.nxml"), strict=True):
        body = (real_data / "en_pubmed_xml" / name).read_text(encoding="utf-8").split("<body>")[1].split("</body>")[0]
        headings = [re.sub(r"<[^>]+>", "", heading) for heading in re.findall(r"<sec[^>]*><title>(.*?)</title>", body)]
        assert len(headings) > 10
        lines = document.text.split("\n")
        assert [heading for heading in headings if " ".join(html.unescape(heading).split()) not in lines] == []
        assert not re.search(r"\[\s*\d+\s*[\],]|\[\s*\]|\x00", document.text)
        assert len(document.text) > 20_000


def test_every_answer_of_the_anamnesis_is_read(read, real_data):
    manifest, documents = read("anamnesis")
    with (real_data / "de_germediq/GerMedIQ-Human.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    assert manifest.counters == {"in": 4524, "out": 4524, "rejected": 0}
    expected = [squeezed(row["question"] + row["response"]) for row in rows]
    assert [squeezed(document.text) for document in documents] == expected


@pytest.mark.parametrize(("name", "count"), [("letters", 48), ("summaries", 300)])
def test_german_letters_and_summaries_are_read_whole(read, real_data, name, count):
    _, documents = read(name)
    lines = json_lines(real_data / SOURCES[name]["path"])
    assert len(documents) == count
    (field,) = SOURCES[name].get("text_fields", ("text",))
    for document, line in zip(documents, lines, strict=True):
        text = line[field] if isinstance(line[field], str) else "".join(line[field])
        assert (document.id, squeezed(document.text)) == (line["id"], squeezed(text))


def test_each_paragraph_of_xquad_is_a_document(read, real_data):
    _, documents = read("encyclopedia")
    articles = json.loads((real_data / "de_xquad/xquad.de.json").read_text(encoding="utf-8"))["data"]
    contexts = [paragraph["context"] for article in articles for paragraph in article["paragraphs"]]
    assert [document.text for document in documents] == [context.strip() for context in contexts]
    assert len(documents) == 180


def test_german_texts_pass_language_identification_and_english_ones_do_not(read, make_run):
    names = ("anamnesis", "letters", "encyclopedia", "summaries", "pubmedqa")
    inputs = {name: read(name)[0] for name in names}
    recipe = RecipeConfig(sources={name: {} for name in names}, deduplicate="none")
    run = make_run("corpus", "de", inputs=inputs)
    build_corpus(recipe, run)
    sources = json.loads(run.store.read(run.key("drops.json")))["sources"]
    assert sources["pubmedqa"]["dropped"] == {"other language": 500}
    for name in names[:-1]:
        assert sources[name]["dropped"].get("other language", 0) == 0


def test_contexts_that_a_task_is_tested_on_do_not_enter_the_corpus(read, make_run, make_task):
    made, documents = read("encyclopedia")
    records = [{"id": str(n), "context": d.text, "question": "?"} for n, d in enumerate(documents[150:])]
    task = make_task("xquad", train=[], dev=records[:10], test=records[10:])
    run = make_run("corpus", "de", inputs={"encyclopedia": made, "task:xquad": task})
    counters = build_corpus(RecipeConfig(sources={"encyclopedia": {}}), run).counters
    assert counters["dropped: contaminated"] == 30
    assert counters["out"] == 150


def test_a_tokenizer_trained_on_german_knows_its_characters_and_words(read, make_run):
    inputs = {name: read(name)[0] for name in ("letters", "summaries")}
    recipe = RecipeConfig(sources={name: {} for name in inputs})
    corpus = build_corpus(recipe, make_run("corpus", "de", inputs=inputs))
    config = TokenizerConfig(train=TokenizerTraining(corpus="de", vocab_size=4000))
    tokenizer = build_tokenizer(config, make_run("tokenizer", inputs={"corpus": corpus}))
    tokens = tokenize_corpus(TokensConfig(), make_run("tokens", inputs={"corpus": corpus, "tokenizer": tokenizer}))
    assert tokens.counters["out"] == 348
    assert tokens.metrics["unknown_ratio"] < 1e-4
    assert 3 < tokens.metrics["characters_per_token"] < 6
