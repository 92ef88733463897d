"""Artifacts never change, and looking at one is written down: a person's session fetches each of them once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

T = TypeVar("T")
KEPT = 24


def once(name: str, identity: str, fetch: Callable[[str], T]) -> T:
    """What `fetch(identity)` answers, kept for this session; the oldest are let go."""
    shelf: dict[tuple[str, str], T] = st.session_state.setdefault("artifacts", {})
    key = (name, identity)
    if key not in shelf:
        shelf[key] = fetch(identity)
        while len(shelf) > KEPT:
            shelf.pop(next(iter(shelf)))
    return shelf[key]
