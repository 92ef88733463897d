"""Commands that need no service: fit, sample, score."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from synthgen.cli import inputs, pictures, scores
from synthgen.cli.terminal import Progress
from synthgen.errors import InputError, SpecError

File = Annotated[Path, typer.Argument(help="CSV (also .gz, .zip), Excel (.xlsx) or Parquet.")]
Source = Annotated[
    Path, typer.Argument(help="A table, as CSV (also .gz, .zip), Excel or Parquet; or a folder, zip or .npz of images.")
]
BUDGET = 180  # seconds of training where none are said
WHERE = (
    "COL=VALUE held for every row; repeatable. COL= asks for missing, COL=40..60 for a range, COL=A|B for either, "
    "COL==TEXT for TEXT as it stands."
)
MEMORY_PER_BYTE = 20  # of the file, for the child that reads it first
READING_SECONDS = 300.0
TABLES = (".csv", ".parquet", ".xlsx")
BLOCKED = 3  # exit code: neither an error (1) nor wrong usage (2)
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same result on a CPU.")]


TimeBudget = Annotated[
    int | None,
    typer.Option(
        min=5,
        help=f"Seconds of training to plan for; {BUDGET} for a table, {pictures.BUDGET} for images when left out.",
    ),
]

TARGET = "The column that matters most, such as the diagnosis. Of images: the column of the table that holds the class."


class AttackSize(StrEnum):
    """How much is attacked: see `synthgen.spec.AttackPlan`."""

    standard = "standard"
    full = "full"


def fit(
    file: Source,
    out: Annotated[Path, typer.Option(help="Folder for the fitted model.")],
    target: Annotated[str | None, typer.Option(help=TARGET)] = None,
    positive: Annotated[str | None, typer.Option(help="The value of the target to look for.")] = None,
    generator: Annotated[str, typer.Option(help="auto, or a generator of the catalog.")] = "auto",
    time_budget: TimeBudget = None,
    seed: Seed = 0,
    k_floor: Annotated[int, typer.Option(min=2, help="People a category or extreme needs to be kept.")] = 10,
    column: Annotated[list[str] | None, typer.Option(help=inputs.COLUMN)] = None,
    keep: Annotated[list[str] | None, typer.Option(help=inputs.KEEP)] = None,
    epsilon: inputs.Epsilon = None,
    delta: inputs.Delta = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE of a generator parameter.")] = None,
    size: pictures.Size = None,
    channels: pictures.Channels = None,
    fit_by: pictures.Shape = None,
    person: pictures.Person = None,
    device: inputs.Device = "cpu",
) -> None:
    """Train a generator on FILE, without any service."""
    params = inputs.parameters(set_ or []) or None
    settings: dict[str, Any] = {"generator": generator, "params": params, "seed": seed, "k_floor": k_floor}
    settings["device"] = device
    form = pictures.options(size, channels, fit_by, person)
    if _holds_images(file):
        given = {"--positive": positive, "--column": column, "--keep": keep, "--epsilon": epsilon, "--delta": delta}
        pictures.not_for_images(given)
        pictures.fit(file, out, {**settings, "time_budget": time_budget or pictures.BUDGET, "label": target}, form)
        return
    pictures.not_for_tables({"--size": size, "--channels": channels, "--fit-by": fit_by, "--person": person})
    _must_be_readable(file)
    from synthgen.synthesizer import TabularSynthesizer

    progress = Progress()
    synthesizer = TabularSynthesizer(
        **settings,
        target=target,
        positive=positive,
        time_budget=time_budget or BUDGET,
        columns=inputs.columns(column or []),
        constraints=inputs.constraints(keep or []),
        listener=progress.listen,
        epsilon=epsilon,
        delta=delta,
    )
    synthesizer.must_be_savable()
    try:
        synthesizer.fit(file)
    finally:
        progress.finish()
    synthesizer.save(out)
    typer.echo(f"Model written to {out}. Next: synthgen sample {out} --rows 1000 --out synthetic.csv")


def sample(
    model: Annotated[Path, typer.Argument(help="Folder that 'synthgen fit' wrote.")],
    out: Annotated[
        Path, typer.Option(help="CSV, Excel (.xlsx) or Parquet file, of images .zip or .npz; the ending decides.")
    ],
    rows: Annotated[int | None, typer.Option(min=1, help="Rows, or images, to draw.")] = None,
    where: Annotated[list[str] | None, typer.Option(help=WHERE)] = None,
    balance: Annotated[list[str] | None, typer.Option(help="Equal shares of every value of this column.")] = None,
    within: Annotated[
        str | None, typer.Option(help="Balance inside each value of this column, such as TARGET.")
    ] = None,
    group: Annotated[list[str] | None, typer.Option(help=inputs.GROUP)] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            help="The table that MODEL was fitted on: people are counted in it, so that more may be asked for."
        ),
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help=f"{inputs.DROP} Needs --source.")] = None,
    resample: inputs.Resample = None,
    classes: pictures.Classes = None,
    truncation: pictures.Truncation = None,
    seed: Seed = 0,
    device: inputs.Device = "cpu",
) -> None:
    """Draw synthetic rows or images from MODEL, without any service."""
    if not model.is_dir():
        raise InputError(f"There is no model folder at {model}.", "Train one with 'synthgen fit'.")
    if pictures.is_model(model):
        _check_ending(out, pictures.ENDINGS)
        given = {"--within": within, "--group": group, "--resample": resample, "--source": source, "--drop": drop}
        pictures.not_for_images(given)
        pictures.sample(model, out, classes or [], rows, where or [], balance or [], truncation, seed, device)
        return
    _check_ending(out, TABLES)
    pictures.not_for_tables({"--class": classes, "--truncation": truncation})
    targets = inputs.groups(group or [])
    _must_say_how_many(rows, bool(targets))
    from synthgen.synthesizer import TabularSynthesizer

    fixed = inputs.conditions(where or [])
    if source is not None:
        _must_be_readable(source)
    synthesizer = TabularSynthesizer.load(model, device, source)
    synthesizer.listener = Progress().listen
    written = synthesizer.write(
        out,
        rows,
        where=fixed or None,
        balance=tuple(balance or ()),
        targets=targets,
        seed=seed,
        resample=resample.value if resample else None,
        within=within,
        drop=inputs.dropped(drop or []),
    )
    typer.echo(f"{written:,} rows written to {out}.")


def impute(
    model: Annotated[Path, typer.Argument(help="Folder that 'synthgen fit' wrote.")],
    file: File,
    out: Annotated[Path, typer.Option(help="CSV, Excel (.xlsx) or Parquet file; the ending decides.")],
    seed: Seed = 0,
    device: inputs.Device = "cpu",
) -> None:
    """Fill the missing cells of FILE by draws from MODEL, given what each row holds; nothing else changes."""
    if not model.is_dir():
        raise InputError(f"There is no model folder at {model}.", "Train one with 'synthgen fit'.")
    _check_ending(out, TABLES)
    _must_be_readable(file)
    from synthgen.synthesizer import TabularSynthesizer

    rows = TabularSynthesizer.load(model, device).impute_file(file, out, seed)
    typer.echo(f"{rows:,} rows written to {out}.")


def score(
    real: File,
    synthetic: Annotated[Path, typer.Argument(help="The synthetic table, of any generator.")],
    out: Annotated[
        Path,
        typer.Option(
            help="Scorecard file for those who may see REAL (it names rare categories): .html, or .json by the "
            "published schema."
        ),
    ],
    release_out: Annotated[
        Path | None,
        typer.Option(help="The scorecard as it may leave with the set (.html or .json); asks for --policy."),
    ] = None,
    holdout: Annotated[Path | None, typer.Option(help="Real rows that training never saw.")] = None,
    target: Annotated[
        str | None, typer.Option(help="Column to predict for usefulness; of images the column of the class.")
    ] = None,
    positive: Annotated[str | None, typer.Option(help="The value of the target to look for.")] = None,
    person: Annotated[
        str | None, typer.Option(help="Column that says which rows, or images, belong to one person.")
    ] = None,
    policy: Annotated[str | None, typer.Option(help=inputs.POLICY)] = None,
    fail_on_block: Annotated[bool, typer.Option(help="Exit with code 3 where the policy blocks the set.")] = False,
    attacks: Annotated[AttackSize, typer.Option(help="How much is attacked.")] = AttackSize.standard,
    secrets: Annotated[list[str] | None, typer.Option(help="Column an attacker wants to know; repeatable.")] = None,
    known: Annotated[list[str] | None, typer.Option(help="Column an attacker knows already; repeatable.")] = None,
    seed: Seed = 0,
    k_floor: Annotated[int, typer.Option(min=2, help="People a category or group needs to be looked at.")] = 10,
    features: Annotated[
        Path | None, typer.Option(help="Of images: TorchScript network, such as Inception, to look through.")
    ] = None,
) -> None:
    """Score SYNTHETIC against REAL, without any service."""
    _check_ending(out, (".json", ".html"))
    if release_out is not None:
        _check_ending(release_out, (".json", ".html"))
    scores.check_policy(policy, fail_on_block, release_out is not None)
    from synthgen import scored

    images = _holds_images(real)
    kind, readable = ("images", pictures.read_first) if images else ("table", _must_be_readable)
    for what, path in ((f"real {kind}", real), (f"synthetic {kind}", synthetic), ("hold-out", holdout)):
        if path is not None:
            with scored.saying(what):
                readable(path)
    from synthgen.spec import AttackPlan

    scores.check_metrics(policy, "images" if images else "tabular")
    progress = Progress()
    try:
        card = scored.score(
            real,
            synthetic,
            holdout,
            target=target,
            positive=positive,
            person=person,
            attacks=AttackPlan(size=attacks.value, secrets=tuple(secrets or ()), known=tuple(known or ())),
            seed=seed,
            k_floor=k_floor,
            listener=progress.listen,
            features=features,
        )
    finally:
        progress.finish()
    verdict = scores.judged(card, policy)
    scores.write(card, verdict, out)
    typer.echo("\n".join(scores.lines(card, verdict)))
    typer.echo(f"Scorecard written to {out}.")
    if release_out is not None:
        scores.write_release(card, verdict, release_out)
        typer.echo(f"What may leave of it written to {release_out}.")
    if fail_on_block and verdict is not None and verdict.outcome == "blocked":
        raise typer.Exit(BLOCKED)


def _holds_images(path: Path) -> bool:
    """Whether a file or folder is a set of images."""
    if not path.exists():
        raise InputError(f"There is no file at {path}.", "Check the path.")
    from synthgen import catalog

    return catalog.detect(path, path.name) == "images"


def _must_be_readable(path: Path) -> None:
    """Read the file once in a limited child first: a table that crashes, hangs or eats memory ends there."""
    if not path.is_file():
        raise InputError(f"There is no file at {path}.", "Check the path.")
    from synthgen.isolation import GIB, run_limited

    memory = max(GIB, MEMORY_PER_BYTE * path.stat().st_size)
    run_limited("synthgen.tabular.io:shape", str(path), memory_bytes=memory, seconds=READING_SECONDS)


def _must_say_how_many(rows: int | None, groups: bool) -> None:
    """Raise SpecError unless either rows or the counts of groups say how much is to be drawn."""
    if rows is None and not groups:
        raise SpecError(
            "--rows is missing: how many rows are to be drawn?", "Write --rows 1000, or --group for counts."
        )
    if rows is not None and groups:
        raise SpecError("--rows and --group were both given.", "Give one of the two: groups say their own counts.")


def _check_ending(path: Path, endings: tuple[str, ...]) -> None:
    if not path.name.lower().endswith(endings):
        raise InputError(f"{path.name} does not say which format to write.", f"End it with {' or '.join(endings)}.")


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (fit, sample, impute, score):
        app.command()(command)
