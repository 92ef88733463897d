"""Processes that the embedded service looks after, and cannot start for a moment."""

import threading
import time

from synthgen.service import embedded
from synthgen.service.processes import Part


def test_a_machine_without_room_for_a_process_keeps_what_runs_and_tries_again(tmp_path, monkeypatch):
    part = Part("sleeper", "exec", "/bin/sleep", ("60",), {}, tmp_path / "logs")
    real, said, stop = Part.start, [], threading.Event()

    def start(self):
        if not said:
            raise OSError(12, "Cannot allocate memory")
        real(self)
        stop.set()

    monkeypatch.setattr(Part, "start", start)
    thread = threading.Thread(target=embedded._look_after, args=([part], stop, said.append))
    thread.start()
    thread.join(timeout=60)
    try:
        assert not thread.is_alive()
        assert said[0] == "The sleeper has ended and cannot be started now: Cannot allocate memory."
        until = time.monotonic() + 20
        while not part.alive() and time.monotonic() < until:
            time.sleep(0.05)
        assert part.alive()
    finally:
        stop.set()
        part.stop(0)
