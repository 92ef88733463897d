"""What differential privacy refuses before any data are read, each with its reason; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator

from synthgen.errors import SpecError, raise_all
from synthgen.spec import FixedCombinations, RunSpec

REDUCERS = ("mean", "log_sum_exp")


def check(spec: RunSpec) -> None:
    """Raise SpecError, with all problems, for what a specification asks that has no accounting; looks at no data."""
    if spec.privacy is None:
        return
    raise_all(
        SpecError,
        [*_of_request(spec), *_of_columns(spec)],
        "Leave that out, or do without differential privacy.",
    )


def _of_request(spec: RunSpec) -> Iterator[str]:
    reducer = spec.params.get("reducer", "mean")
    if reducer not in REDUCERS:
        yield (
            f"reducer {reducer!r} has no accounting under differential privacy: it couples people or needs "
            f"the critics, which nothing pays for (there are: {', '.join(REDUCERS)})"
        )
    for rule in spec.constraints:
        if isinstance(rule, FixedCombinations):
            named = ", ".join(map(repr, rule.columns))
            yield f"fixed combinations of {named} would be learnt from the rows, which nothing pays for"


def _of_columns(spec: RunSpec) -> Iterator[str]:
    for name, said in spec.columns.items():
        if said.determined_by:
            yield f"column {name!r}: what {said.determined_by!r} decides would be learnt from the rows"
        if said.place_with:
            yield f"column {name!r}: the map of its places would be learnt from the rows"
        if said.public and not (said.order or said.codes):
            yield f"column {name!r} is public, but its categories would be read from the rows: declare codes or order"
