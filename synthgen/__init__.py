"""synthgen: synthetic data that keeps its minorities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthgen.contracts import Scorecard

__version__ = "0.1.0"


def score(real: Any, synthetic: Any, holdout: Any = None, **options: Any) -> Scorecard:
    """The scorecard of any generator's output; see `synthgen.scored.score`, which has the options."""
    from synthgen import scored  # nothing heavy is imported before it is used

    return scored.score(real, synthetic, holdout, **options)
