"""The folder: same seed, same bytes; and nothing of the tests is in what models read."""

import gzip
import json

import pytest

from gmlm.config import load_study
from gmlm.demo import generate_world
from gmlm.errors import ConfigError


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lines(path):
    data = path.read_bytes()
    return [json.loads(line) for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()]


def test_equal_seeds_give_equal_bytes_and_others_do_not(world_folder, tmp_path):
    generate_world(tmp_path / "same", seed=13, size="tiny")
    generate_world(tmp_path / "other", seed=14, size="tiny")
    first, same, other = map(contents, (world_folder, tmp_path / "same", tmp_path / "other"))
    assert same == first
    differing = {name for name in other if other[name] != first.get(name)}
    alike = {"README.md", "study.yaml", "control.yaml", "pretrainings.yaml"}
    assert differing == set(other) - alike


def test_the_summary_names_each_file_and_no_partial_file_stays(tiny_world):
    assert tiny_world.files == {name: len(data) for name, data in contents(tiny_world.folder).items()}
    assert tiny_world.records["mimic/NOTEEVENTS.csv"] == 10


def test_the_study_is_valid_and_its_inputs_are_there(world_folder):
    study = load_study(world_folder / "study.yaml")
    paths = [source.path for source in study.sources.values()]
    paths += [reference.source for reference in study.references.values()]
    paths += [t.train.parallel for t in study.translators.values() if t.train]
    paths += [path for task in study.tasks.values() for path in (task.train, task.dev, task.test) if path]
    assert len(paths) == 14
    assert all((world_folder / path).exists() for path in paths)


def test_the_controlled_study_compares_at_equal_steps_with_five_seeds_and_floors(world_folder):
    plain, study = (load_study(world_folder / f"{name}.yaml") for name in ("study", "control"))
    steps = {name: [phase.steps for phase in study.models[name].phases] for name in ("more", "translated", "shuffled")}
    assert len(set(map(tuple, steps.values()))) == 1
    assert study.evaluation.baseline == "more"
    assert set(study.evaluation.models) == {"translated", "shuffled", "base"}
    assert len(study.evaluation.seeds) == 5
    assert study.evaluation.floors
    assert len(study.tasks) == 3
    shuffled, translated = study.recipes["shuffled"], study.recipes["translated"]
    assert shuffled == translated.model_copy(update={"shuffle_words": "corpus"})
    assert study.models["base"].architecture == plain.models["base"].architecture
    assert study.models["base"].phases[0].steps > plain.models["base"].phases[0].steps
    assert (study.store, study.models["translated"]) == (plain.store, plain.models["translated"])


def test_no_document_of_a_task_is_in_another_split_or_a_corpus(world_folder):
    splits = {
        f"{task} {split}": {row["text"] for row in lines(world_folder / f"tasks/{task}.{split}.jsonl")}
        for task in ("ner", "codes")
        for split in ("train", "dev", "test")
    }
    splits["notes"] = {row["text"] for row in lines(world_folder / "clinical_de/notes.jsonl")}
    every = [text for texts in splits.values() for text in texts]
    assert len(every) == len(set(every))


def test_no_sentence_of_a_test_set_is_in_a_corpus(world_folder):
    corpus = {row["de"] for row in lines(world_folder / "parallel/truth.jsonl.gz")}
    corpus |= {row["de"] for row in lines(world_folder / "parallel/train.jsonl.gz")}
    long = {sentence for sentence in corpus if len(sentence.split()) > 4}
    for task in ("ner", "codes"):
        for row in lines(world_folder / f"tasks/{task}.test.jsonl"):
            assert not any(sentence in row["text"] for sentence in long)


def test_the_reference_is_part_of_the_truth(world_folder):
    truth = {(row["en"], row["de"]) for row in lines(world_folder / "parallel/truth.jsonl.gz")}
    reference = {(row["en"], row["de"]) for row in lines(world_folder / "parallel/test.jsonl")}
    assert len(reference) == 40
    assert reference <= truth


def test_an_unknown_size_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="unknown size 'huge'"):
        generate_world(tmp_path, size="huge")
