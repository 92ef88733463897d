"""Parts of a page that draw themselves again every few seconds, and say what is wrong instead of breaking."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit as st

from dashboard.components import errors

P = ParamSpec("P")


def every(seconds: float) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Draw the decorated part again every `seconds`; an error becomes a banner in its place."""

    def decorate(draw: Callable[P, None]) -> Callable[P, None]:
        @st.fragment(run_every=seconds)
        @wraps(draw)
        def part(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                draw(*args, **kwargs)
            except Exception as error:
                errors.show(error)

        return part

    return decorate
