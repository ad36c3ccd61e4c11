import torch

from gmlm.translation.length_batches import IGNORED, LengthBatches, TokenPair, collate

PAD = 9
PAIRS = [TokenPair([index + 10] * (1 + index % 7), [index + 10] * (1 + index % 5)) for index in range(50)]


def batches(budget=24, seed=1):
    return LengthBatches(PAIRS, budget, pad=PAD, seed=seed)


def members(batch):
    return batch["input_ids"][:, 0].tolist()


def test_a_batch_is_a_pure_function_of_the_step():
    first, second = batches(), batches()
    for step in (37, 3, 0, 3):
        for name, tensor in first(step)[0].items():
            assert torch.equal(tensor, second(step)[0][name])


def test_an_epoch_holds_every_pair_once():
    made = batches()
    for epoch in range(3):
        steps = range(epoch * made.per_epoch, (epoch + 1) * made.per_epoch)
        seen = [member for step in steps for member in members(made(step)[0])]
        assert sorted(seen) == [index + 10 for index in range(50)]


def test_epochs_and_seeds_differ_in_order():
    made, other = batches(), batches(seed=2)
    epoch = [members(made(step)[0]) for step in range(made.per_epoch)]
    assert epoch != [members(made(step)[0]) for step in range(made.per_epoch, 2 * made.per_epoch)]
    assert epoch != [members(other(step)[0]) for step in range(made.per_epoch)]


def test_no_side_exceeds_the_budget_padding_included():
    made = batches(budget=24)
    for step in range(made.per_epoch):
        batch = made(step)[0]
        assert batch["input_ids"].numel() <= 24
        assert batch["labels"].numel() <= 24


def test_the_decoder_reads_the_target_shifted_right():
    batch = collate([TokenPair([5, 0], [6, 7, 0]), TokenPair([5, 4, 0], [6, 0])], PAD)
    assert batch["input_ids"].tolist() == [[5, 0, PAD], [5, 4, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert batch["decoder_input_ids"].tolist() == [[PAD, 6, 7], [PAD, 6, PAD]]
    assert batch["labels"].tolist() == [[6, 7, 0], [6, 0, IGNORED]]
