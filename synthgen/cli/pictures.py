"""Images on the command line: what may be said of them, and fit and sample without any service."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from synthgen.cli import inputs
from synthgen.cli.terminal import Progress
from synthgen.errors import SpecError, raise_all
from synthgen.isolation import GIB, run_limited

CLASS = "class"  # what a request for images calls the label
BUDGET = 600  # seconds of training where none are said
READING_SECONDS = 300.0
MEMORY_PER_BYTE = 8  # of the file, for the child that reads it first
ENDINGS = (".zip", ".npz")


class FitBy(StrEnum):
    """How images of another shape are brought to a square: see `synthgen.spec.ImageOptions`."""

    pad = "pad"
    stretch = "stretch"
    crop = "crop"


Size = Annotated[int | None, typer.Option(min=8, max=128, help="Of images: height and width; chosen when left out.")]
Channels = Annotated[int | None, typer.Option(help="Of images: 1 for grey, 3 for colour; chosen when left out.")]
Shape = Annotated[FitBy | None, typer.Option("--fit-by", help="Of images of another shape: pad when left out.")]
Person = Annotated[
    str | None,
    typer.Option(help="Of images: the column of the patient or source, kept together; found by name when left out."),
]
Classes = Annotated[
    list[str] | None, typer.Option("--class", help="Of images: NAME=COUNT, so many of that class; repeatable.")
]
Truncation = Annotated[
    float | None, typer.Option(min=0.05, max=1.0, help="Of images: below 1, likelier and less varied ones.")
]


def options(size: int | None, channels: int | None, fit_by: FitBy | None, person: str | None = None) -> dict[str, Any]:
    """What was said about the form of images, as fields of `ImageOptions`; raises SpecError for other channels."""
    if channels not in (None, 1, 3):
        raise SpecError("--channels is neither 1 nor 3.", "Write --channels 1 for grey or --channels 3 for colour.")
    said = {"size": size, "channels": channels, "fit": fit_by.value if fit_by else None, "person": person}
    return {name: value for name, value in said.items() if value is not None}


def counts(items: Sequence[str]) -> dict[str, int]:
    """NAME=COUNT items of --class, the count behind the last '='. Raises SpecError, all problems at once."""
    split = [item.rpartition("=") for item in items]
    problems = [
        f"item {i + 1} of --class does not end with '=' and a whole number above 0"
        for i, (name, _, number) in enumerate(split)
        if not (name and number.strip().isdecimal() and int(number))
    ]
    names = [name for name, _, _ in split]
    problems += [f"items of --class name the same class {names.count(n)} times" for n in sorted(set(_twice(names)))]
    raise_all(SpecError, problems, "Write --class NAME=COUNT, once for each class.")
    return {name: int(number) for name, _, number in split}


def _twice(names: Sequence[str]) -> list[str]:
    return [name for name in names if name and names.count(name) > 1]


def targets(items: Sequence[str]) -> list[dict[str, Any]]:
    """The same as the targets of a SampleSpec, in JSON."""
    return [{"where": {CLASS: name}, "rows": rows} for name, rows in counts(items).items()]


def not_for_images(given: Mapping[str, Any]) -> None:
    """Refuse what only tables have. Raises SpecError with every option that was given."""
    problems = [f"{option} is for tables" for option, value in given.items() if value]
    raise_all(SpecError, problems, "These are images: leave it out. Their target is their class.")


def not_for_tables(given: Mapping[str, Any]) -> None:
    """Refuse what only images have. Raises SpecError with every option that was given."""
    problems = [f"{option} is for images" for option, value in given.items() if value]
    raise_all(SpecError, problems, "This is a table: leave it out.")


def read_first(path: Path) -> int:
    """How many images there are, found out in a limited child: what crashes, hangs or eats memory ends there."""
    size = path.stat().st_size if path.is_file() else 0
    memory = max(2 * GIB, MEMORY_PER_BYTE * size)
    return int(run_limited(f"{__name__}:counted", str(path), memory_bytes=memory, seconds=READING_SECONDS))


def counted(path: str) -> int:
    """The number of images in a file or folder; what the limited child runs."""
    from synthgen import catalog

    return len(catalog.modality("images").call("read", Path(path)).data)


def fit(path: Path, out: Path, settings: Mapping[str, Any], form: Mapping[str, Any]) -> None:
    """Train on the images at `path`; `form` as from `options`."""
    from synthgen.synthesizer import ImageSynthesizer

    read_first(path)
    progress = Progress()
    said = {"fit_by" if name == "fit" else name: value for name, value in form.items()}
    synthesizer = ImageSynthesizer(listener=progress.listen, **settings, **said)
    try:
        synthesizer.fit(path)
    finally:
        progress.finish()
    synthesizer.save(out)
    names = " ".join(f"--class {_quoted(name)}=200" for name in synthesizer.schema_.classes[:2])
    typer.echo(f"Model written to {out}. Next: synthgen sample {out} {names} --out synthetic.zip")


def sample(
    model: Path,
    out: Path,
    classes: Sequence[str],
    rows: int | None,
    where: Sequence[str],
    balance: Sequence[str],
    truncation: float | None,
    seed: int,
    device: str,
) -> None:
    """Draw images from a model of images into a .zip or .npz."""
    from synthgen.synthesizer import ImageSynthesizer

    asked = _asked(classes, rows, where)
    if [name for name in balance if name != CLASS]:
        raise SpecError("Images are balanced over their class only.", f"Write --balance {CLASS}.")
    synthesizer = ImageSynthesizer.load(model, device)
    made = synthesizer.write(out, asked, seed=seed, truncation=truncation or 1.0, balanced=bool(balance))
    typer.echo(f"{made:,} images written to {out}.")


def _asked(classes: Sequence[str], rows: int | None, where: Sequence[str]) -> dict[str, int] | int | None:
    """Images of each class, or a number alone; None: as many as the source has."""
    if classes and (rows or where):
        raise SpecError("--class and --rows or --where were both given.", "Give one of the two.")
    if not where:
        return counts(classes) or rows
    fixed = inputs.pairs(where, "--where")
    if set(fixed) != {CLASS} or rows is None:
        raise SpecError("Images are asked for by their class.", "Write --class NAME=COUNT.")
    return {fixed[CLASS]: rows}


def is_model(directory: Path) -> bool:
    """Whether a folder holds a model of images; what is wrong with a damaged one is told where it is loaded."""
    try:
        return bool(json.loads((directory / "spec.json").read_text(encoding="utf-8")).get("modality") == "images")
    except (OSError, ValueError, AttributeError):
        return False


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name
