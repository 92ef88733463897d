"""A synthetic set of images on disk: chunks of arrays and a manifest with checksums. Never one stack in memory."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from synthgen.errors import InputError, SchemaError, SpecError
from synthgen.images import writing
from synthgen.images.schema import ImageSchema
from synthgen.images.stack import ImageStack
from synthgen.spec import SampleSpec

CHUNK_BYTES = 32 << 20
VERSION = 1


@dataclass(frozen=True)
class SyntheticImages:
    """A synthetic set of images: how many, where, what was asked for, and by which generator they were made.

    `form` is (height, width, channels) of every image.
    """

    rows: int
    directory: Path
    spec: SampleSpec
    generator: str
    notes: tuple[str, ...] = ()
    form: tuple[int, int, int] = (0, 0, 1)
    files: tuple[tuple[str, int, str], ...] = field(default=(), repr=False)

    def chunks(self) -> Iterator[ImageStack]:
        """The images in order, a chunk at a time; `InputError` when a chunk is not what was written."""
        for name, _, sha256 in self.files:
            yield _read(self.directory / name, sha256)

    def take(self, n: int, seed: int = 0) -> ImageStack:
        """At most `n` images drawn over the whole set without replacement, in order, reading a chunk at a time."""
        chosen = np.arange(self.rows)
        if n < self.rows:
            chosen = np.sort(np.random.default_rng(seed).choice(self.rows, size=n, replace=False))
        parts, start = [empty(self.form)], 0
        for name, rows, sha256 in self.files:
            inside = chosen[(chosen >= start) & (chosen < start + rows)] - start
            start += rows
            if len(inside):
                parts.append(_read(self.directory / name, sha256).take(inside))
        return ImageStack.joined(parts)


def empty(form: tuple[int, int, int]) -> ImageStack:
    """No image, of this (height, width, channels)."""
    return ImageStack(np.empty((0, *form), dtype=np.uint8), np.empty(0, dtype=np.int64))


def write(
    chunks: Iterable[ImageStack],
    schema: ImageSchema,
    directory: Path,
    spec: SampleSpec,
    generator: str,
    notes: Sequence[str] = (),
) -> SyntheticImages:
    """Store chunks as they come; the manifest is written last, so that a set without one was never finished.

    `notes` may grow while the chunks are drawn. Raises SchemaError for images that are not of the schema's form.
    """
    directory.mkdir(parents=True, exist_ok=True)
    form = (schema.height, schema.width, schema.channels)
    files = []
    for number, chunk in enumerate(_even_chunks(chunks, schema)):
        name = f"chunk-{number:05d}.npz"
        writing.write_arrays(directory / name, {"pixels": chunk.pixels, "labels": chunk.labels})
        files.append((name, len(chunk), _digest(directory / name)))
    rows = sum(count for _, count, _ in files)
    made = SyntheticImages(rows, directory, spec, generator, tuple(notes), form, tuple(files))
    _write_manifest(made)
    return made


def _even_chunks(chunks: Iterable[ImageStack], schema: ImageSchema) -> Iterator[ImageStack]:
    """Chunks of one size, whatever sizes come in; an empty input gives none."""
    most = max(1, CHUNK_BYTES // (schema.height * schema.width * schema.channels))
    waiting: list[ImageStack] = []
    for chunk in chunks:
        waiting.append(_checked(chunk, schema))
        while sum(map(len, waiting)) >= most:
            whole = ImageStack.joined(waiting)
            yield whole.take(slice(0, most))
            waiting = [whole.take(slice(most, None))]
    if sum(map(len, waiting)):
        yield ImageStack.joined(waiting)


def _checked(chunk: ImageStack, schema: ImageSchema) -> ImageStack:
    form = (schema.height, schema.width, schema.channels)
    if chunk.pixels.dtype != np.uint8 or chunk.pixels.shape != (len(chunk.labels), *form):
        raise SchemaError(
            f"Images of shape {chunk.pixels.shape} and {chunk.pixels.dtype} came for a set of {form}, uint8.",
            "The generator and the schema do not belong together; fit again.",
        )
    if len(chunk) and not (chunk.labels.min() >= 0 and chunk.labels.max() < len(schema.classes)):
        raise SchemaError("Images of a class came that the schema does not have.", "Fit the generator again.")
    return chunk


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path, sha256: str) -> ImageStack:
    if not path.is_file() or _digest(path) != sha256:
        raise InputError(f"Part {path.name} of the synthetic set is missing or was changed.", "Make the set again.")
    with np.load(path, allow_pickle=False) as stored:
        return ImageStack(stored["pixels"], stored["labels"])


def _write_manifest(made: SyntheticImages) -> None:
    manifest = {
        "version": VERSION,
        "rows": made.rows,
        "generator": made.generator,
        "spec": made.spec.model_dump(mode="json"),
        "notes": list(made.notes),
        "form": list(made.form),
        "files": [{"name": name, "rows": rows, "sha256": sha256} for name, rows, sha256 in made.files],
    }
    path = made.directory / "manifest.json"
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    os.replace(draft, path)


def open_set(directory: Path) -> SyntheticImages:
    """The synthetic images that `write` left in `directory`."""
    try:
        manifest: dict[str, Any] = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
        files = tuple((f["name"], int(f["rows"]), f["sha256"]) for f in manifest["files"])
        spec = SampleSpec.model_validate(manifest["spec"])
        height, width, channels = map(int, manifest["form"])
        return SyntheticImages(
            manifest["rows"],
            directory,
            spec,
            manifest["generator"],
            tuple(manifest["notes"]),
            (height, width, channels),
            files,
        )
    except (OSError, KeyError, TypeError, ValueError, ValidationError) as error:
        raise InputError("There is no finished synthetic set in this place.", "Make the set again.") from error


def export(synthetic: SyntheticImages, schema: ImageSchema, directory: Path) -> list[Path]:
    """images.zip (a PNG per image, a folder per class, manifest.csv) and images.npz, a chunk in memory at a time."""
    directory.mkdir(parents=True, exist_ok=True)
    return [export_file(synthetic, schema, directory / name) for name in ("images.zip", "images.npz")]


def export_file(synthetic: SyntheticImages, schema: ImageSchema, path: Path) -> Path:
    """One file whose ending chooses the format: .zip or .npz. `SpecError` for any other ending."""
    if path.suffix.lower() == ".zip":
        return writing.write_zip(synthetic.chunks(), schema, path, synthetic.spec.seed)
    if path.suffix.lower() == ".npz":
        return writing.write_npz(synthetic.chunks(), synthetic.rows, schema, path)
    raise SpecError(f"Images cannot be written to a file ending in {path.suffix!r}.", "Use .zip or .npz.")
