import os
import signal
import sys
import time

import pytest

from synthgen.errors import InputError, InternalError, LimitError, SchemaError, TrainingError
from synthgen.isolation import run_limited

HERE = "test_isolation"


def answer(a, b):
    return {"sum": a + b, "pid": os.getpid(), "torch": "torch" in sys.modules}


def refuse(message):
    raise SchemaError(message, "Do this instead.")


class OddTrainingError(TrainingError):
    """A kind that the error module does not know."""


def refuse_oddly():
    raise OddTrainingError("what came")


def fail(secret):
    raise KeyError(secret)


def hoard():
    return len(bytearray(2 << 30))


def hoard_in_numpy():
    import numpy

    return int(numpy.ones(1 << 29).sum())


def sleep():
    time.sleep(60)


def crash():
    os.kill(os.getpid(), signal.SIGSEGV)


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(os.path.dirname(__file__))


def test_results_come_back_from_another_process():
    result = run_limited(f"{HERE}:answer", 2, 3)
    assert result["sum"] == 5
    assert result["pid"] != os.getpid()
    assert not result["torch"]


def test_our_errors_pass_intact():
    with pytest.raises(SchemaError) as caught:
        run_limited(f"{HERE}:refuse", "what came")
    assert (caught.value.message, caught.value.hint) == ("what came", "Do this instead.")


def test_an_unknown_kind_of_ours_arrives_as_its_parent():
    with pytest.raises(TrainingError, match="what came"):
        run_limited(f"{HERE}:refuse_oddly")


def test_other_exceptions_get_a_reference_and_no_content(capfd):
    with pytest.raises(InternalError) as caught:
        run_limited(f"{HERE}:fail", "cell value 4711")
    assert "4711" not in str(caught.value)
    logged = capfd.readouterr().err
    assert f"{caught.value.reference}: KeyError at" in logged
    assert "4711" not in logged


@pytest.mark.parametrize("hungry", ["hoard", "hoard_in_numpy"])
def test_memory_is_bounded(hungry):
    with pytest.raises(LimitError, match="1024 MB"):
        run_limited(f"{HERE}:{hungry}")


def test_time_is_bounded():
    started = time.monotonic()
    with pytest.raises(LimitError, match="longer than 2 seconds"):
        run_limited(f"{HERE}:sleep", seconds=2)
    assert time.monotonic() - started < 10


def test_a_crash_is_one_clear_error():
    with pytest.raises(InputError, match="without an answer"):
        run_limited(f"{HERE}:crash")
