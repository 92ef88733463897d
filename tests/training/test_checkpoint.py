"""State on disk: whole or not at all, named tensors and JSON."""

import pytest
import torch

from synthgen.errors import InputError
from synthgen.training import checkpoint
from synthgen.training.checkpoint import State


def test_it_comes_back_the_same(tmp_path):
    state = State({"a/b": torch.arange(6.0).view(2, 3), "flags": torch.tensor([True, False])}, {"step": 3, "x": [1, 2]})
    checkpoint.write(state, tmp_path / "c")
    found = checkpoint.read(tmp_path / "c")
    assert found.facts == state.facts
    assert all(torch.equal(found.tensors[n], v) for n, v in state.tensors.items())


def test_there_may_be_none(tmp_path):
    assert checkpoint.read(tmp_path / "none") is None


def test_a_newer_one_replaces_an_older_one(tmp_path):
    for step in (1, 2):
        checkpoint.write(State({}, {"step": step}), tmp_path / "c")
    assert checkpoint.read(tmp_path / "c").facts == {"step": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_killed_between_the_two_renames_the_older_one_is_found(tmp_path):
    checkpoint.write(State({}, {"step": 1}), tmp_path / "c")
    (tmp_path / "c").rename(tmp_path / "c.old")
    (tmp_path / "c.new").mkdir()
    assert checkpoint.read(tmp_path / "c").facts == {"step": 1}


def test_a_damaged_one_is_a_clear_error(tmp_path):
    checkpoint.write(State({"a": torch.zeros(9)}, {}), tmp_path / "c")
    file = tmp_path / "c" / checkpoint.TENSORS
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(InputError, match="cannot be read"):
        checkpoint.read(tmp_path / "c")


def test_no_pickle_is_written(tmp_path):
    checkpoint.write(State({"a": torch.zeros(9)}, {"b": 1}), tmp_path / "c")
    assert sorted(p.suffix for p in (tmp_path / "c").iterdir()) == [".json", ".safetensors"]


def test_an_optimiser_goes_on_where_it_was():
    def steps(weight, optimiser, count):
        for _ in range(count):
            optimiser.zero_grad()
            (weight**2).sum().backward()
            optimiser.step()

    straight = torch.nn.Parameter(torch.ones(3))
    steps(straight, torch.optim.AdamW([straight]), 6)
    first = torch.nn.Parameter(torch.ones(3))
    before = torch.optim.AdamW([first])
    steps(first, before, 3)
    second = torch.nn.Parameter(first.detach().clone())
    after = torch.optim.AdamW([second])
    checkpoint.restore_optimiser(after, checkpoint.optimiser_tensors(before))
    steps(second, after, 3)
    assert torch.equal(straight, second)
