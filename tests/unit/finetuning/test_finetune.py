"""A cell learns, cuts nothing, repeats itself bit for bit, and goes on where it was stopped."""

from __future__ import annotations

import json
import math

import pytest
from safetensors.torch import load_file, save_file

from gmlm.config import CellConfig, FinetuneConfig, GridConfig, TaskConfig
from gmlm.errors import InterruptedRunError, ModelMismatchError
from gmlm.finetuning import candidates
from gmlm.finetuning import finetune as stage

KINDS = ["token_classification", "multi_label", "question_answering"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_tiny_model_learns_a_small_task_by_heart(fit, calm_model, kind):
    cell = fit(kind, model=calm_model)
    scores = cell.json("scores.json")
    assert scores["test"]["f1"] > 0.95
    assert cell.manifest.metrics["test_f1"] == scores["test"]["f1"]
    assert cell.manifest.metrics["dev_f1"] == scores["dev"]["f1"]
    curve = [point["loss"] for point in cell.json("training.json")["curve"]]
    assert curve[-1] < 0.2 * curve[0]


def test_a_model_that_has_not_learnt_scores_low(fit):
    assert fit(epochs=1, batch_size=64).manifest.metrics["test_f1"] < 0.5


def test_unanswerable_questions_are_learnt_too(fit, calm_model, squad):
    cell = fit("question_answering", model=calm_model, content=squad(24, unanswerable=True))
    without = [row for row in cell.predictions() if not row["gold"]]
    assert len(without) == 6
    assert sum(row["predicted"]["text"] == "" for row in without) >= 5
    assert cell.json("scores.json")["threshold"] is not None
    assert cell.manifest.metrics["test_f1"] > 0.9


def test_a_question_always_gets_an_answer_where_training_knows_no_other_case(fit):
    cell = fit("question_answering", epochs=1)
    assert all(row["predicted"]["text"] for row in cell.predictions())
    assert cell.json("scores.json")["threshold"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_hold_every_document_and_no_text_but_answers(fit, kind):
    cell = fit(kind, epochs=1)
    for split in ("dev", "test"):
        rows = cell.predictions(split)
        assert [row["id"] for row in rows] == [str(number) for number in range(24)]
        assert all(row.keys() == {"id", "gold", "predicted"} for row in rows)
        assert "Patient erhält" not in json.dumps([row["gold"] for row in rows], ensure_ascii=False)
    counters = cell.manifest.counters
    assert counters["in"] == counters["out"] == 72


def test_a_predicted_answer_stands_in_its_context_where_it_says(fit, annotated):
    texts = {row["id"]: row["text"] for row in annotated(24)}
    for row in fit("question_answering", epochs=1).predictions():
        for answer in [row["predicted"], *row["predicted"]["best"]]:
            assert texts[row["id"]].startswith(answer["text"], answer["start"])
        scores = [answer["score"] for answer in row["predicted"]["best"]]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_end_of_a_long_document_is_read_as_well_as_its_start(fit, calm_model, kind, annotated, squad):
    filler = "Patient nimmt keine Medikamente . " * 6  # 30 tokens, as many as a window has
    rows = annotated(8)
    for number, row in enumerate(rows):
        shift = len(filler) if number % 2 else 0
        row["text"] = filler + row["text"] if shift else row["text"] + " " + filler
        for span in row["spans"]:
            span["start"], span["end"] = span["start"] + shift, span["end"] + shift
    content = "".join(json.dumps(row) + "\n" for row in rows)
    if kind == "question_answering":
        content = squad(rows=rows)
    cell = fit(kind, model=calm_model, content=content, epochs=60 if kind == "multi_label" else 30)
    assert cell.manifest.metrics["test_f1"] > 0.9
    assert cell.manifest.counters["windows"] >= 2 * 8
    if kind == "token_classification":
        late = [span for row in cell.predictions() for span in row["predicted"] if span["start"] > len(filler)]
        assert len(late) >= 6  # two of each of the four documents that end with them


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not(fit, kind):
    first, again, other = (
        fit(kind, epochs=2, seed=seed, name=name) for seed, name in ((1, "first"), (1, "again"), (2, "other"))
    )
    assert first.hashes() == again.hashes()
    assert first.json("training.json")["curve"] != other.json("training.json")["curve"]


def test_an_interrupted_cell_ends_with_the_bytes_of_an_uninterrupted_one(fit, monkeypatch, fast_optimisation):
    optimisation = fast_optimisation.model_copy(update={"checkpoint_every": 4, "log_every": 3})
    whole = fit(epochs=5, optimisation=optimisation, name="whole")
    train, seen = candidates.train, []

    def interrupted_at(last):
        def interrupted(model, *, batches, **given):
            def until_stopped(step):
                seen.append(step)
                if step == last:
                    raise InterruptedRunError("stopped")
                return batches(step)

            return train(model, batches=until_stopped, **given)

        return interrupted

    monkeypatch.setattr(candidates, "train", interrupted_at(10))
    with pytest.raises(InterruptedRunError):
        fit(epochs=5, optimisation=optimisation, name="stopped")
    monkeypatch.setattr(candidates, "train", interrupted_at(math.inf))
    resumed = fit(epochs=5, optimisation=optimisation, name="stopped")
    assert seen[: seen.index(10) + 2] == [*range(11), 8]  # from the checkpoint behind step 8, not from the start
    assert resumed.hashes() == whole.hashes()


GRID = GridConfig(learning_rate=(1e-6, 5e-3), epochs=(1, 12))


def test_a_grid_predicts_with_what_dev_scores_highest(fit, calm_model, fast_optimisation):
    cell = fit(model=calm_model, grid=GRID, name="grid")
    training = cell.json("training.json")
    tried = training["grid"]
    assert [(choice["learning_rate"], choice["epochs"]) for choice in tried] == [
        (1e-6, 1),
        (1e-6, 12),
        (5e-3, 1),
        (5e-3, 12),
    ]
    best = max(tried, key=lambda choice: choice["dev"])
    assert training["chosen"] == {"learning_rate": 5e-3, "batch_size": best["batch_size"], "epochs": 12}
    assert cell.json("scores.json")["dev"]["f1"] == best["dev"]
    optimisation = fast_optimisation.model_copy(update={"learning_rate": 5e-3})
    alone = fit(model=calm_model, epochs=12, optimisation=optimisation, name="alone")
    assert cell.predictions() == alone.predictions()
    assert training["curve"] == alone.json("training.json")["curve"]


def test_the_first_of_equal_choices_is_taken_and_only_it_reads_the_test_set(fit, monkeypatch):
    read = []
    predict = candidates.Candidate.predict
    monkeypatch.setattr(
        candidates.Candidate, "predict", lambda self, *given: (read.append(given[0]), predict(self, *given))[1]
    )
    cell = fit(grid=GridConfig(learning_rate=(1e-9, 2e-9)), epochs=1)
    tried = cell.json("training.json")["grid"]
    assert tried[0]["dev"] == tried[1]["dev"]
    assert cell.json("training.json")["chosen"]["learning_rate"] == 1e-9
    assert read == ["test"]


def test_an_interrupted_grid_trains_no_finished_choice_again(fit, monkeypatch, fast_optimisation):
    optimisation = fast_optimisation.model_copy(update={"checkpoint_every": 4})
    whole = fit(grid=GRID, optimisation=optimisation, name="whole")
    train, runs = candidates.train, []

    def counted(model, *, batches, fingerprint, **given):
        def counting(step):
            runs.append(fingerprint[-2:])
            if runs.count("/1") == 10 and len(set(runs)) == 2 and not resumed:
                raise InterruptedRunError("stopped")
            return batches(step)

        return train(model, batches=counting, fingerprint=fingerprint, **given)

    resumed = False
    monkeypatch.setattr(candidates, "train", counted)
    with pytest.raises(InterruptedRunError):
        fit(grid=GRID, optimisation=optimisation, name="stopped")
    resumed, first = True, runs.count("/0")
    again = fit(grid=GRID, optimisation=optimisation, name="stopped")
    assert runs.count("/0") == first > 0
    assert again.hashes() == whole.hashes()


def test_settings_without_a_grid_are_the_only_choice():
    settings = FinetuneConfig(epochs=7, batch_size=4)
    assert settings.choices() == [settings]
    wide = settings.model_copy(update={"grid": GridConfig(batch_size=(8, 16))})
    assert [(choice.batch_size, choice.epochs, choice.grid) for choice in wide.choices()] == [
        (8, 7, None),
        (16, 7, None),
    ]


@pytest.mark.parametrize("values", [(0.0,), (-1e-5,), (1e-5, 1e-5)])
def test_a_grid_of_no_or_equal_values_is_refused(values):
    with pytest.raises(ValueError, match="positive numbers, each once"):
        GridConfig(learning_rate=values)


def test_the_threshold_is_chosen_on_dev_alone(make_run, make_model, make_task, fast_config, annotated):
    config = TaskConfig(kind="multi_label", reader="labels_jsonl", train="x", dev="x", test="x")
    config = config.model_copy(update={"finetuning": fast_config.model_copy(update={"epochs": 2})})
    train, others = annotated(24), [annotated(9, seed=seed) for seed in (4, 5)]
    lines = ["".join(json.dumps(row) + "\n" for row in rows) for rows in (train, train[:9], *others)]
    found = []
    for name, test in (("one", lines[2]), ("two", lines[3])):
        task = make_task(config, name, train=lines[0], dev=lines[1], test=test)
        run = make_run("finetune", name, inputs={"model": make_model(), "task": task})
        stage.finetune(CellConfig(task=config, seed=1), run)
        found.append(json.loads(run.store.read(run.key("scores.json"))))
    assert found[0]["threshold"] == found[1]["threshold"]
    assert found[0]["dev"] == found[1]["dev"]
    assert 0 < found[0]["threshold"] < 1


def test_documents_with_more_windows_than_a_batch_are_learnt_whole(fit, calm_model, annotated):
    rows = annotated(6)
    for row in rows:
        row["text"] += " nimmt keine Medikamente ." * 10
    content = "".join(json.dumps(row) + "\n" for row in rows)
    cell = fit("multi_label", model=calm_model, content=content, batch_size=2, epochs=40)
    assert cell.json("training.json")["steps"] == 6 * 40
    assert cell.manifest.metrics["test_f1"] > 0.9


@pytest.mark.parametrize("model_type", ["roberta", "electra", "deberta-v2", "modernbert"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_architecture_takes_every_head_and_texts_longer_than_it_has_positions(
    fit, make_model, annotated, squad, kind, model_type
):
    rows = annotated(6)
    for row in rows:
        row["text"] += " nimmt keine Medikamente ." * 20  # 80 tokens, for 64 positions
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    content = squad(rows=rows) if kind == "question_answering" else lines
    extra = {"embedding_size": 32} if model_type == "electra" else {}
    model = make_model(model_type=model_type, **extra)
    cell = fit(kind, content=content, model=model, epochs=1, max_length=512)
    assert len(cell.predictions()) == 6
    assert cell.manifest.counters["windows"] >= 2 * 6


def test_a_tokenizer_larger_than_the_embeddings_is_refused(fit, make_model):
    model = make_model(vocab_size=20)
    with pytest.raises(
        ModelMismatchError, match=r"model tiny: the tokenizer has \d+ tokens, the model embeddings for 20"
    ):
        fit(model=model)


def test_a_folder_that_lacks_weights_of_the_encoder_is_refused(fit, make_model, make_run):
    model = make_model()
    file = make_run("pretrain").store.local_path(model.key("model/model.safetensors"))
    weights = {name: weight for name, weight in load_file(file).items() if "layer.0.output" not in name}
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelMismatchError, match="weights of the encoder are missing"):
        fit(model=model)


def test_a_task_without_labels_cannot_be_learnt(fit):
    content = "".join(json.dumps({"id": str(n), "text": f"Text {n}", "spans": []}) + "\n" for n in range(3))
    with pytest.raises(ModelMismatchError, match="no labels to predict"):
        fit(content=content)
