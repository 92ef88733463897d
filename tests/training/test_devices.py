"""What is asked of a GPU and how its failures are told; there is none here, so torch's answers are played."""

from contextlib import nullcontext

import pytest
import torch

from synthgen.errors import LimitError, SpecError, Unavailable
from synthgen.training import devices


def test_half_precision_is_taken_only_where_the_asked_gpu_has_it(monkeypatch):
    asked = []
    emulates = {"cuda": False, "cuda:1": True}

    def supported(including_emulation=True):
        return including_emulation or not emulates[asked[-1]]

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device", lambda device: asked.append(device) or nullcontext())
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert devices.bf16_pays("cuda")
    assert not devices.bf16_pays("cuda:1")
    assert asked == ["cuda", "cuda:1"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_half_precision_is_not_asked_for():
    assert not devices.bf16_pays("cuda")
    with pytest.raises(SpecError, match="Device 'cuda' was asked for"):
        devices.must_be_there("cuda")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), LimitError),
        (torch.AcceleratorError("CUDA error: invalid device ordinal"), SpecError),
    ],
)
def test_a_full_gpu_is_not_called_missing(monkeypatch, raised, told):
    def fails(*_, **__):
        raise raised

    monkeypatch.setattr(torch, "ones", fails)
    with pytest.raises(told):
        devices.must_be_there("cuda:7")


def test_failures_of_a_gpu_are_told_from_all_others():
    assert isinstance(devices.in_words(torch.OutOfMemoryError("CUDA out of memory")), LimitError)
    assert isinstance(devices.in_words(torch.AcceleratorError("CUBLAS_STATUS_ALLOC_FAILED")), LimitError)
    assert isinstance(devices.in_words(torch.AcceleratorError("CUDA error: unspecified launch failure")), Unavailable)
    assert devices.in_words(RuntimeError("shapes cannot be multiplied")) is None
