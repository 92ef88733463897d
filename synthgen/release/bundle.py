"""The bundle: what leaves, as one zip. It is made from a `ReleasedSet` and from nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

from synthgen.errors import GateError
from synthgen.release import rendering as published
from synthgen.release import report, typed_values
from synthgen.release.gate import ReleasedSet

BLOCK = 1 << 20
STAMP = (1980, 1, 1, 0, 0, 0)
PACKAGES = ("synthgen", "numpy", "pandas", "pyarrow", "torch", "sdmetrics", "lightgbm", "ctgan")
SPEC_NOTE = (
    "Where a person typed in a value of a cell (the positive class, how missing cells are written, what was asked for, "
    "limits), spec and sample say so in words; only categories that the report names are named. "
    "spec_sha256 is the hash of the complete specification as it was asked for, which the service keeps; "
    "settled_spec_sha256 of the same with the generator that was taken where the choice was left to synthgen."
)


README = """Synthetic data made by synthgen
===============================

{notice}
report.html              what was measured, for reading (opens in any browser, needs no network)
scorecard.json           the same as data; scorecard.schema.json describes it (JSON Schema)
card.json                what was done: specification, seed, versions, check sums, purpose, recipient, expiry

Purpose:    {purpose}
Recipient:  {recipient}
Released:   {released_at} by {released_by}
Expires:    {expires_at}
{override}
Use the set for this purpose only and delete it when it expires. Do not try to recognise people in it. Passing the
checks in the report is no proof that nobody can be recognised; decisions about single people need real data.
"""

OVERRIDDEN = """
THE GATE BLOCKED THIS SET. Two people released it all the same.
Asked:      {requested_at} by {requested_by}
Confirmed:  {confirmed_at} by {confirmed_by}
Reason:     {reason}
Not met:
{failed}
"""


def write(released: ReleasedSet, path: Path) -> Path:
    """Write the zip; the same released set gives the same bytes. Files are streamed, the zip appears when complete."""
    if not isinstance(released, ReleasedSet):
        raise GateError("A bundle is made from a released set only.", "Call `gate.release` first.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".bundle-") as folder:
        files = [*_data(released, Path(folder)), *_texts(released, Path(folder))]
        files.append(_card(released, files, Path(folder)))
        made = Path(folder) / "bundle.zip"
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for file in files:
                _add(archive, file)
        os.replace(made, path)
    return path


def _data(released: ReleasedSet, folder: Path) -> list[Path]:
    inside = folder / "data"
    inside.mkdir()
    found = released.modality.call("export", released.synthetic, released.schema, inside)
    return sorted((Path(p) for p in found), key=lambda p: p.name)


def _texts(released: ReleasedSet, folder: Path) -> list[Path]:
    title = "Synthetic data: release report"
    rendering = report.release(released.scorecard, released.verdict, released.release, title, released.evidence)
    notice = {name: value or "not set" for name, value in released.release.model_dump().items()}
    notice |= {"override": _overridden(released), "notice": released.modality.notice}
    texts = {
        "schema.json": _json(released.modality.call("safe_schema", released.schema)),
        "scorecard.json": _json(rendering),
        "scorecard.schema.json": published.text(),
        "report.html": report.html(rendering),
        "README.txt": README.format(**notice),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _overridden(released: ReleasedSet) -> str:
    """What a recipient reads first of a set that the gate blocked; nothing of one that passed."""
    override = released.release.override
    if override is None:
        return ""
    failed = "\n".join(f"- {reason.message}" for reason in released.verdict.failed)
    return OVERRIDDEN.format(**override.model_dump(exclude={"failed"}), failed=failed)


def _card(released: ReleasedSet, files: list[Path], folder: Path) -> Path:
    names = released.modality.call("nameable", released.schema, report.release(released.scorecard, released.verdict))
    card = {
        "format": 1,
        "rows": released.synthetic.rows,
        "generator": released.synthetic.generator,
        "sample": typed_values.safe_sample(released.synthetic.spec, names),
        "spec": typed_values.safe_spec(released.spec, names),
        "spec_sha256": released.spec.digest(),
        "spec_note": SPEC_NOTE,
        "seed": released.spec.seed,
        "verdict": released.verdict.outcome,
        "failed": [reason.model_dump(mode="json") for reason in released.verdict.failed],
        "policy": released.verdict.policy.model_dump(mode="json"),
        "release": released.release.model_dump(mode="json", exclude={"note"}),
        "versions": versions(),
        "files": {f.name: {"bytes": f.stat().st_size, "sha256": digest(f)} for f in files},
        "evidence": dict(released.evidence),
    }
    path = folder / "card.json"
    path.write_text(_json(card), encoding="utf-8")
    return path


def versions() -> dict[str, str]:
    """Version of Python and of every package that can change a result; nothing is imported for it."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _add(archive: zipfile.ZipFile, path: Path) -> None:
    entry = zipfile.ZipInfo(path.name, STAMP)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    entry.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(entry, "w") as target:
        shutil.copyfileobj(source, target, BLOCK)


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
