"""Nobody outlives its parent: `python -m synthgen.service.tether PARENT module|exec NAME ARGS...`.

On Linux the kernel ends the process when its parent dies, even by SIGKILL. Elsewhere a thread waits for the end of the
pipe that the parent holds open.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def ask_the_kernel(parent: int | None = None) -> bool:
    """Have the kernel kill this process when its parent dies; False where the kernel cannot.

    `parent` is the process id the caller knows its parent by; if it is gone already this process ends at once.
    """
    if not sys.platform.startswith("linux"):
        return False
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        return False
    if parent is not None and os.getppid() != parent:
        os._exit(70)
    return True


def watch_pipe(descriptor: int, heard: Callable[[bytes], None], ended: Callable[[], None]) -> None:
    """Read `descriptor` in a daemon thread: `heard` gets what comes, `ended` is called when the writer is gone.

    `os.read`, not a buffered stream: a thread blocked in one of those aborts the interpreter at exit.
    """

    def follow() -> None:
        while data := _read(descriptor):
            heard(data)
        ended()

    threading.Thread(target=follow, name="parent-watch", daemon=True).start()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:
        return b""


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, then become the program named."""
    parent, how, name, *rest = arguments
    ask_the_kernel(int(parent))
    if how == "exec":
        os.execv(name, [name, *rest])
    watch_pipe(0, lambda data: None, lambda: os._exit(70))
    sys.argv = [name, *rest]
    runpy.run_module(name, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
