"""What the command line shows of a run in this process."""

from io import StringIO

from synthgen.cli.terminal import Progress
from synthgen.runtime import Event, RunContext


def test_health_is_said_once_with_what_was_done_and_progress_goes_on():
    out = StringIO()
    progress = Progress(out)
    progress.listen(Event("progress", {"stage": "worst", "done": 0, "total": 10}))
    for _ in range(2):
        progress.listen(Event("health", {"text": "Training diverged.", "acted": ["Went back to the best weights."]}))
    progress.listen(Event("health", {"text": "Training is balanced.", "acted": []}))
    progress.listen(Event("progress", {"stage": "worst", "done": 10, "total": 10}))
    lines = out.getvalue().splitlines()
    assert lines[1:3] == ["Training diverged. Went back to the best weights.", "Training is balanced."]
    assert lines[-1].endswith("worst")
    assert len(lines) == 4


def test_only_log_lines_that_say_what_training_will_be_are_shown():
    out = StringIO()
    ctx = RunContext(listener=Progress(out).listen)
    ctx.log("Generator a.", auto=True)
    ctx.log("Generator b.", auto=False)
    ctx.log("Expected: little.", estimate={"steps": 3})
    ctx.log("Planned 3 steps.", planned=3)
    ctx.log("Resumed.")
    ctx.warn("Column 'a': not modelled.")
    lines = ["Generator a.", "Expected: little.", "Planned 3 steps.", "Note: Column 'a': not modelled."]
    assert out.getvalue().splitlines() == lines
