"""A translated task: texts in German, answers and spans at their words, and what cannot be placed counted."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from gmlm.config import DecodingConfig, TaskConfig, TaskTranslationConfig, parse_study
from gmlm.errors import ConfigError, EmptyCorpusError
from gmlm.finetuning import translation
from gmlm.finetuning.examples import from_json_lines
from gmlm.finetuning.prepare import prepare_task
from gmlm.study.graph import build_graph

WORDS = {
    "the": "der", "nodule": "Knoten", "measures": "misst", "is": "ist", "stable": "stabil", "what": "was",
    "cough": "Husten", "patient": "Patient", "has": "hat", "fever": "Fieber", "and": "und", "size": "Größe",
}  # fmt: skip
"""What the test's translator knows; it drops the word `lost` within a sentence."""


class Dictionary:
    """A translator word by word."""

    source_limit = 100

    def lengths(self, texts):
        return [len(text.split()) + 1 for text in texts]

    def translate(self, batch, retry=None):
        return [re.sub(r"[a-z]+ ?", self._word, re.sub(r" lost\b(?=.)", "", text)) for text in batch]

    def _word(self, match):
        word = match.group().rstrip()
        return WORDS.get(word, word[::-1]) + match.group()[len(word) :]


@pytest.fixture
def translate(monkeypatch, make_run, tmp_path):
    monkeypatch.setattr(translation, "open_engine", lambda model, decoding: Dictionary())
    monkeypatch.setattr(translation.TranslationModel, "of", lambda run, manifest: None)

    def run_it(config, content, name="de"):
        for split in ("train", "dev", "test"):
            (tmp_path / split).write_text(content.replace("ID", split))
        config = config.model_copy(update={"path": None, "train": "train", "dev": "dev", "test": "test"})
        task = prepare_task(config, make_run("task", f"{name}-en"))
        run = replace(make_run("task-translation", name), inputs={"task": task, "translator": task})
        manifest = translation.translate_task(TaskTranslationConfig(task=config, decoding=DecodingConfig()), run)
        examples = from_json_lines(run.store.read(run.key("test.jsonl")), config)
        return manifest, examples, run

    return run_it


SQUAD = TaskConfig(kind="question_answering", reader="squad", path="x")
SPANS = TaskConfig(kind="token_classification", reader="spans_jsonl", path="x")
LABELS = TaskConfig(kind="multi_label", reader="labels_jsonl", path="x")
CONTEXT = "The patient has fever.\nthe nodule measures 3 mm and is lost stable."


def _squad(*answers):
    asked = [
        {
            "id": f"ID-{n}",
            "question": "what size",
            "answers": [{"text": a, "answer_start": CONTEXT.index(a)} for a in own],
        }
        for n, own in enumerate(answers)
    ]
    return json.dumps({"data": [{"title": "ID", "paragraphs": [{"context": CONTEXT, "qas": asked}]}]})


def test_answers_are_where_their_words_went(translate):
    manifest, examples, _ = translate(SQUAD, _squad(["3 mm"], [], ["nodule", "fever"]))
    context = examples[0].context
    assert context.endswith("\nder Knoten misst 3 mm und ist stabil.")
    assert [[answer.text for answer in each.answers] for each in examples] == [["3 mm"], [], ["Knoten", "Fieber"]]
    assert all(context.startswith(a.text, a.start) for each in examples for a in each.answers)
    assert examples[0].question == "was Größe"
    assert manifest.counters["spans and answers placed"] == manifest.counters["spans and answers"] == 9
    assert manifest.metrics["mean_alignment"] == 1.0


def test_a_question_whose_answer_is_lost_is_set_aside_and_counted(translate):
    manifest, examples, run = translate(SQUAD, _squad(["3 mm"], ["lost"], ["lost", "stable"]))
    assert [example.id for example in examples] == ["test-0", "test-2"]
    assert examples[1].answers[0].text == "stabil"
    counters = manifest.counters
    assert (counters["in"], counters["out"], counters["rejected"]) == (9, 6, 3)
    assert counters[f"rejected: {translation.UNPLACED}"] == 3
    assert counters["left out: spans and answers that could not be placed"] == 3
    rows = [json.loads(line) for line in run.store.read(run.key("alignment.jsonl")).splitlines()]
    assert [row["target"] is None for row in rows if row["split"] == "test"] == [False, True, True, False]
    assert all(row["score"] < 0.5 for row in rows if row["target"] is None)
    assert set(rows[0]) == {"split", "id", "source", "target", "score"}


def test_spans_follow_their_words_and_labels_stay(translate):
    text = "the patient has fever and cough lost and 3 mm"
    spans = [[text.index(w), text.index(w) + len(w), label] for w, label in (("fever and cough", "A"), ("lost", "B"))]
    manifest, (example,), run = translate(SPANS, json.dumps({"id": "ID", "text": text, "spans": spans}) + "\n")
    assert [(example.text[s.start : s.end], s.label) for s in example.spans] == [("Fieber und Husten", "A")]
    assert manifest.counters["left out: spans and answers that could not be placed"] == 3
    assert json.loads(run.store.read(run.key("labels.json"))) == {
        "labels": ["A", "B"],
        "counts": {name: {"A": 1} for name in ("train", "dev", "test")},
    }
    _, (labelled,), _ = translate(LABELS, json.dumps({"id": "ID", "text": "fever", "labels": ["R50"]}) + "\n", "labels")
    assert (labelled.text, labelled.labels) == ("Fieber", ("R50",))


def test_a_translation_made_again_has_the_same_bytes_and_leaves_no_batches(translate):
    hashes = []
    for name in ("one", "two"):
        manifest, _, run = translate(SQUAD, _squad(["3 mm"], ["nodule"]), name)
        hashes.append([entry.sha256 for entry in manifest.files])
        assert not list(run.store.list(run.key("unfinished")))
    assert hashes[0] == hashes[1]


def test_a_split_of_which_nothing_is_left_is_refused(translate):
    with pytest.raises(EmptyCorpusError, match="nothing of the train split is left"):
        translate(SQUAD, _squad(["lost"]))


STUDY = """
name: s
translators: {{opus: {translator}}}
tasks: {{t: {{catalogue: radqa, folder: d, translator: {name}, article_stripping: german}}}}
models: {{m: {{base: deepset/gbert-base}}}}
recipes: {{r: {{sources: {{n: {{}}}}}}}}
sources: {{n: {{reader: text, path: x, language: de}}}}
evaluation: {{models: [m], baseline: m, seeds: [1], floors: true}}
"""


def test_all_that_reads_the_task_reads_its_translation():
    graph = build_graph(parse_study(STUDY.format(translator="{model: opus-mt}", name="opus")))
    assert graph["task-translation/t"].inputs == {"task": "task/t", "translator": "translator/opus"}
    readers = ("corpus/r", "finetune/m--t--1", "floor/floor--t--1", "evaluate/s")
    assert all("task-translation/t" in graph[node].inputs.values() for node in readers)
    assert not any("task/t" in graph[node].inputs.values() for node in readers)


@pytest.mark.parametrize(
    ("translator", "name", "what"),
    [
        ("{model: x}", "opsu", "did you mean 'opus'"),
        ("{endpoint: {url: 'https://x.example/v1', model: y}}", "opus", "sent to no service outside"),
    ],
)
def test_a_translator_must_be_of_the_study_and_in_the_house(translator, name, what):
    with pytest.raises(ConfigError, match=what):
        parse_study(STUDY.format(translator=translator, name=name))
