"""The upload box: the browser streams the file straight to the API, past Streamlit's memory."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

HTML = """
<form>
  <label class="drop">
    <input type="file" name="file" accept=".csv,.tsv,.txt,.gz,.zip,.parquet,.xlsx,.npz">
    <span class="choice">Choose a table, or a zip or .npz of images, or drop it here</span>
  </label>
  <div class="row">
    <input type="text" name="name" placeholder="Name of the dataset" maxlength="150" aria-label="Name of the dataset">
    <button disabled>Upload</button>
  </div>
  <div class="track" hidden><div></div></div>
  <p class="said" role="status"></p>
</form>
"""

CSS = """
form { font: inherit; color: var(--st-text-color); }
.drop { display: block; position: relative; border: 1.5px dashed var(--st-border-color); border-radius: 10px;
  padding: 1.5rem; text-align: center; background: var(--st-secondary-background-color); }
.drop input { position: absolute; inset: 0; opacity: 0; cursor: pointer; }
.drop:focus-within, .drop:hover { border-color: var(--st-primary-color); }
.row { display: flex; gap: .6rem; margin-top: .7rem; }
.row input { flex: 1; font: inherit; padding: .5rem .75rem; border-radius: 8px; color: inherit; min-width: 0;
  border: 1px solid var(--st-border-color); background: var(--st-background-color); }
button { font: inherit; font-weight: 600; padding: .5rem 1.3rem; border: 0; border-radius: 8px; cursor: pointer;
  background: var(--st-primary-color); color: var(--st-background-color); }
button:disabled { opacity: .45; cursor: default; }
.track { height: .45rem; border-radius: 99px; background: var(--st-secondary-background-color); margin-top: .8rem;
  overflow: hidden; }
.track div { height: 100%; width: 0; background: var(--st-primary-color); }
.said { margin: .5rem 0 0; font-size: .9rem; min-height: 1.2em; }
.said.bad { color: var(--st-red-text-color, #b91c1c); }
"""

JS = """
export default function ({ parentElement, setTriggerValue }) {
  const form = parentElement.querySelector("form")
  if (form.dataset.ready) return
  form.dataset.ready = "1"
  const { file, name } = form.elements
  const [button, track, said, choice] = ["button", ".track", ".said", ".choice"].map((q) => form.querySelector(q))
  const say = (text, bad) => { said.textContent = text; said.classList.toggle("bad", !!bad) }
  file.addEventListener("change", () => {
    const chosen = file.files[0]
    button.disabled = !chosen
    if (!chosen) return
    const [unit, amount] = chosen.size < 1e6 ? ["KB", chosen.size / 1e3] : ["MB", chosen.size / 1e6]
    choice.textContent = `${chosen.name} (${amount.toFixed(1)} ${unit})`
    if (!name.value) name.value = chosen.name.replace(/(\\.(csv|tsv|txt|parquet|xlsx|gz|zip|npz))+$/i, "")
    say("")
  })
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    const chosen = file.files[0]
    if (!chosen || button.disabled) return
    button.disabled = true
    track.hidden = false
    const query = new URLSearchParams({ name: name.value.trim() || chosen.name, filename: chosen.name })
    const request = new XMLHttpRequest()
    request.open("POST", "/api/datasets?" + query)
    request.setRequestHeader("Content-Type", "application/octet-stream")
    request.upload.onprogress = (e) => { track.firstElementChild.style.width = `${(100 * e.loaded) / e.total}%` }
    request.onload = () => {
      let answer = {}
      try { answer = JSON.parse(request.responseText) } catch { answer = {} }
      if (request.status === 201) { say("Uploaded."); setTriggerValue("uploaded", answer.id); return }
      fail(answer.message ? `${answer.message} ${answer.hint || ""}` : `The upload failed (${request.status}).`)
    }
    request.onerror = () => fail("The connection broke while the file was sent. Try again.")
    const fail = (text) => { button.disabled = false; track.hidden = true; say(text, true) }
    say("Uploading …")
    request.send(chosen)
  })
}
"""


@cache
def _component() -> ComponentRenderer:
    return st.components.v2.component("synthgen_upload", html=HTML, css=CSS, js=JS)


def box() -> str | None:
    """Draw the box; the id of the dataset just after it was uploaded, else None."""
    result = _component()(key="upload-box", on_uploaded_change=lambda: None)
    uploaded = result.get("uploaded")
    return str(uploaded) if uploaded else None
