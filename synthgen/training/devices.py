"""Where networks are trained and drawn from, by the name torch has for it: cpu, cuda, cuda:1."""

from __future__ import annotations

import sys

from synthgen.errors import LimitError, SpecError, SynthgenError, Unavailable

FULL = ("out of memory", "ALLOC_FAILED")


def must_be_there(device: str) -> None:
    """Raise SpecError, in words, where this machine or this torch has no such device; the CPU is always there."""
    if device == "cpu":
        return
    import torch

    try:
        torch.ones(1, device=device)  # a torch that was not built for this GPU fails only when it works
    except torch.OutOfMemoryError as problem:
        raise _full() from problem
    except (RuntimeError, AssertionError, ValueError) as problem:
        raise SpecError(
            f"Device {device!r} was asked for and {_reason(device)}.",
            "Take cpu, or a device that is there: 'synthgen doctor' tells which GPUs this machine and this torch see.",
        ) from problem


def hardware_errors() -> tuple[type[Exception], ...]:
    """What torch raises where a GPU is full or fails, RuntimeErrors of their own; nothing while torch is not loaded."""
    torch = sys.modules.get("torch")
    names = ("OutOfMemoryError", "AcceleratorError")
    return tuple(getattr(torch, name) for name in names if hasattr(torch, name))


def in_words(error: BaseException) -> SynthgenError | None:
    """The failure of a GPU in words for the job's owner; None for every other error."""
    if not isinstance(error, hardware_errors()):
        return None
    if type(error).__name__ == "OutOfMemoryError" or any(words in str(error) for words in FULL):
        return _full()
    return Unavailable(
        "The GPU failed while it worked on this job.",
        "Try again; if it comes back, ask the operator to look at that GPU or to run the job on the CPU.",
    )


def _full() -> LimitError:
    return LimitError(
        "The job needed more memory than is free on the GPU.",
        "Use smaller batches or images, a smaller width or fewer columns, or ask the operator for another GPU.",
    )


def bf16_pays(device: str) -> bool:
    """Whether this device multiplies bfloat16 natively: AMX or AVX512-BF16 on a CPU, no emulation on a GPU."""
    import torch

    if device != "cpu":
        if not torch.cuda.is_available():
            return False
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    checks = (getattr(torch.cpu, "_is_amx_tile_supported", None), getattr(torch.cpu, "_is_avx512_bf16_supported", None))
    return any(check() for check in checks if check is not None)


def _reason(device: str) -> str:
    import torch

    if device.partition(":")[0] != "cuda":
        return "torch can use none of that name here"
    if not torch.backends.cuda.is_built():
        return "this torch is a build for CPUs"
    if not torch.cuda.is_available():
        return "this machine shows no GPU"
    return f"it cannot be used; this machine shows {torch.cuda.device_count()}, counted from cuda:0"
