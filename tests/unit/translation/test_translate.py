import json

import pyarrow.parquet as pq
import pytest

import gmlm.translation.merge as merge
import gmlm.translation.shard_translator as stage
from gmlm.config import SourceConfig, TranslateConfig
from gmlm.errors import EmptyCorpusError
from gmlm.shards import Document, read_documents, read_shards, write_documents
from gmlm.translation.translate import translate

WORDS = {"Fever": "Fieber", "Pain": "Schmerz", "for": "seit", "days": "Tagen", "History": "Anamnese"}


class Dictionary:
    """An engine that translates word by word, knows eight tokens, and can be told to fail on a word."""

    source_limit = 8
    fails_on = None

    def __init__(self):
        self.translated = []

    def lengths(self, texts):
        return [len(text.split()) for text in texts]

    def translate(self, batch):
        if any(self.fails_on and self.fails_on in text for text in batch):
            raise KeyboardInterrupt
        self.translated.extend(batch)
        return [" ".join(WORDS.get(word, word) for word in text.split()) for text in batch]


@pytest.fixture
def engine(monkeypatch):
    engine = Dictionary()
    monkeypatch.setattr(stage, "open_engine", lambda model, decoding: engine)
    return engine


DOCUMENTS = [
    Document("a", "notes", "en", "  History\n\n- Fever for 3 days\n- Pain\n120/80\n", {"year": "2011"}),
    Document("b", "notes", "en", "Pain. Fever for 2 days."),
    Document("c", "notes", "en", "Fever"),
]


@pytest.fixture
def run_on(make_run, tiny_translator):
    def run(documents=DOCUMENTS, name="notes_de"):
        ingest = make_run("ingest", "notes")
        manifest = ingest.publish("documents", SOURCE, write_documents(ingest, iter(documents)))
        return make_run("translate", name, inputs={"documents": manifest, "translator": tiny_translator})

    return run


SOURCE = SourceConfig(reader="text", path="notes")


def config(**settings):
    translation = {"source": "notes", "translator": "tiny", "documents_per_shard": 1, **settings}
    return TranslateConfig(translation=translation, decoding={})


def alignment(run, manifest):
    return [row for table in read_shards(run.store, manifest, "alignment") for row in table.to_pylist()]


@pytest.mark.usefixtures("engine")
class TestTranslation:
    def test_documents_keep_layout_id_and_metadata(self, run_on):
        run = run_on()
        first, second, _ = read_documents(run.store, translate(config(), run))
        assert first == Document(
            "a",
            "notes_de",
            "de",
            "  Anamnese\n\n- Fieber seit 3 Tagen\n- Schmerz\n120/80\n",
            {"year": "2011", "translator": "tiny"},
        )
        assert second.text == "Pain. Fieber seit 2 days."

    def test_the_alignment_gives_both_texts_back(self, run_on):
        run = run_on()
        manifest = translate(config(documents_per_shard=2), run)
        rows = alignment(run, manifest)
        german = {document.id: document.text for document in read_documents(run.store, manifest)}
        for document in DOCUMENTS:
            own = [row for row in rows if row["document"] == document.id]
            assert [row["position"] for row in own] == list(range(len(own)))
            assert "".join(row["source"] + row["separator"] for row in own) == document.text
            assert "".join(row["target"] + row["separator"] for row in own) == german[document.id]

    def test_counters_and_metrics(self, run_on):
        manifest = translate(config(), run_on())
        counters = manifest.counters
        assert (counters["in"], counters["out"], counters["rejected"]) == (3, 3, 0)
        assert (counters["segments"], counters["translated"]) == (8, 6)
        assert manifest.metrics == {"flagged_ratio": 0.0, "length_ratio": 1.0}

    def test_over_long_sentences_are_split_and_nothing_is_cut(self, run_on):
        text = "one two three four five six, seven eight nine ten eleven twelve"
        run = run_on([Document("long", "notes", "en", text)])
        manifest = translate(config(max_flagged_ratio=1), run)
        assert next(read_documents(run.store, manifest)).text == text
        assert [row["source"] for row in alignment(run, manifest)] == [
            "one two three four five six,",
            "seven eight nine ten eleven twelve",
        ]

    def test_documents_with_too_many_flags_are_quarantined(self, run_on):
        copied = Document(
            "copy", "notes", "en", "Nothing of this is in the dictionary.\nFever\nStill it goes on and on."
        )
        run = run_on([*DOCUMENTS, copied])
        manifest = translate(config(), run)
        assert manifest.counters["in"] == 4
        assert manifest.counters["out"] == 3
        assert manifest.counters["rejected: too many flagged segments"] == manifest.counters["rejected"] == 1
        assert manifest.counters["flagged: copy"] == manifest.counters["flagged"] == 2
        line = json.loads(run.store.read(run.key("quarantine.jsonl")))
        assert (line["file"], line["position"]) == ("notes", "copy")
        assert "copy" not in {row["document"] for row in alignment(run, manifest)}

    def test_flags_are_kept_with_the_segment(self, run_on):
        run = run_on([Document("copy", "notes", "en", "Nothing of this is in the dictionary.\nFever")])
        manifest = translate(config(max_flagged_ratio=1), run)
        assert [row["flags"] for row in alignment(run, manifest)] == [["copy"], []]

    def test_nothing_left_is_an_error(self, run_on):
        copied = Document("copy", "notes", "en", "Nothing of this is in the dictionary.")
        with pytest.raises(EmptyCorpusError, match="none of 1 documents"):
            translate(config(), run_on([copied]))

    def test_an_empty_document_stays(self, run_on):
        run = run_on([Document("empty", "notes", "en", ""), *DOCUMENTS])
        assert next(read_documents(run.store, translate(config(), run))).text == ""

    def test_only_the_manifests_files_are_left(self, run_on):
        run = run_on()
        manifest = translate(config(), run)
        listed = {manifest.key(file.path) for file in manifest.files} | {run.key("manifest.json")}
        assert set(run.store.list(run.prefix)) == listed


def test_equal_segments_of_a_shard_are_translated_once(run_on, engine):
    translate(
        config(documents_per_shard=10), run_on([Document(str(n), "notes", "en", "Fever\nPain") for n in range(5)])
    )
    assert sorted(engine.translated) == ["Fever", "Pain"]


def test_an_interrupted_run_translates_only_what_is_missing_and_gives_equal_bytes(run_on, engine):
    whole = translate(config(), run_on(name="notes_de"))
    expected = [(file.path, file.sha256) for file in whole.files]
    run = run_on(name="resumed")
    engine.fails_on = "Fever for 2"
    with pytest.raises(KeyboardInterrupt):
        translate(config(), run)
    engine.fails_on, engine.translated = None, []
    resumed = translate(config(), run)
    assert sorted(engine.translated) == ["Fever", "Fever for 2 days.", "Pain."]
    assert resumed.counters == whole.counters
    renamed = [document.text for document in read_documents(run.store, resumed)]
    assert renamed == [document.text for document in read_documents(run.store, whole)]
    assert [path for path, _ in expected] == [file.path for file in resumed.files]


def test_resuming_gives_the_bytes_of_an_uninterrupted_run(run_on, engine):
    run = run_on()
    whole = translate(config(), run)
    files = {file.path: run.store.read(run.key(file.path)) for file in whole.files}
    for key in list(run.store.list(run.prefix)):
        run.store.delete(key)
    engine.fails_on = "Fever for 2"
    with pytest.raises(KeyboardInterrupt):
        translate(config(), run)
    engine.fails_on = None
    again = translate(config(), run)
    assert again.to_bytes() == whole.to_bytes()
    assert {file.path: run.store.read(run.key(file.path)) for file in again.files} == files


@pytest.mark.parametrize("damage", ["file", "marker", "other work"])
def test_a_damaged_shard_is_made_again(run_on, engine, damage):
    run = run_on()
    engine.fails_on = "Fever for 2"
    with pytest.raises(KeyboardInterrupt):
        translate(config(), run)
    marker = run.key("unfinished/shards/00000.json")
    if damage == "file":
        run.store.write(run.key("documents/00000.parquet"), b"damaged")
    elif damage == "marker":
        run.store.write(marker, b"{")
    else:
        run.store.write(marker, run.store.read(marker).replace(b"f" * 64, b"e" * 64))
    engine.fails_on, engine.translated = None, []
    manifest = translate(config(), run)
    assert "History" in engine.translated
    assert pq.read_table(run.store.local_path(run.key("documents/00000.parquet"))).num_rows == 1
    assert manifest.counters["out"] == 3


def test_the_model_is_not_loaded_when_every_shard_is_there(run_on, engine, monkeypatch):
    run = run_on()
    monkeypatch.setattr(merge, "_require_output", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        translate(config(), run)
    monkeypatch.undo()
    monkeypatch.setattr(stage, "open_engine", _interrupt)
    assert translate(config(), run).counters["out"] == 3


def _interrupt(*arguments):
    raise KeyboardInterrupt


def test_with_a_real_engine_equal_work_gives_equal_bytes(run_on):
    run = run_on()
    made = [translate(config(max_flagged_ratio=1), run)]
    for key in list(run.store.list(run.prefix)):
        run.store.delete(key)
    made.append(translate(config(max_flagged_ratio=1), run))
    assert made[0].to_bytes() == made[1].to_bytes()
