"""Images inside a page: always in the page itself (data URIs), never at an address that needs no cookie."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterable, Sequence

import streamlit as st

from dashboard.backend import Backend
from dashboard.components import artifacts, layout, wording
from dashboard.components.layout import Cell, Html

INLINE = re.compile(r"data:image/(?:png|jpeg|webp);base64,[A-Za-z0-9+/=]+")
LOOK_EVERY = 8.0  # seconds between two looks for a newer picture of a job at work
MOST_ROWS = 20  # classes of a picture
MISSING = Html('<span class="sg-noimage" title="no image"></span>')


def image(uri: object, said: str = "", side: int = 72) -> Html:
    """One image `side` pixels high (0: as it is); what is no inline image is drawn as an empty frame."""
    if not isinstance(uri, str) or not INLINE.fullmatch(uri):
        return MISSING
    told, high = layout.text(said), f' style="height:{side}px"' if side else ""
    return Html(f'<img src="{uri}" alt="{told}" title="{told}"{high}>')


def strip(uris: Iterable[object], said: str = "", side: int = 72) -> Html:
    """Images side by side, all described alike."""
    return Html(f'<div class="sg-strip">{"".join(image(uri, said, side) for uri in uris)}</div>')


def captioned(pairs: Sequence[tuple[object, Cell]], side: int = 128) -> Html:
    """Images side by side, each with its own lines below."""
    figures = (
        f"<figure>{image(uri, '', side)}<figcaption>{layout.text(said)}</figcaption></figure>" for uri, said in pairs
    )
    return Html(f'<div class="sg-strip">{"".join(figures)}</div>')


def at_work(service: Backend, job_id: str, dataset_id: str) -> None:
    """The newest picture that a training on images drew, a row a class; nothing before the first."""
    uri = _newest(service, job_id)
    if uri is None:
        return
    classes = artifacts.once("schema", dataset_id, service.schema)["classes"]
    layout.section(
        "What it generates now",
        "The same noise every time, so that progress shows. Only people of this service see it.",
    )
    st.html(f'<div class="sg-live">{image(uri, "images that the generator draws at this moment", 0)}</div>')
    st.caption(f"A row a class, from the top: {', '.join(map(wording.plain, classes[:MOST_ROWS]))}.")


def _newest(service: Backend, job_id: str) -> str | None:
    """The picture as it was a few seconds ago at most."""
    shelf: dict[str, tuple[float, str | None]] = st.session_state.setdefault("pictures", {})
    looked, uri = shelf.get(job_id, (float("-inf"), None))
    if time.monotonic() - looked >= LOOK_EVERY:
        drawn = service.picture(job_id)
        uri = None if drawn is None else f"data:image/png;base64,{base64.b64encode(drawn).decode()}"
        shelf.clear()  # one job is watched at a time; pictures are large
        shelf[job_id] = (time.monotonic(), uri)
    return uri
