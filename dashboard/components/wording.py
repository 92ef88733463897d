"""One way to say things: states, durations, sizes, times, numbers. `tone` picks a colour of the style sheet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

Tone = Literal["good", "warn", "bad", "busy", "calm"]

STATES: dict[str, tuple[str, Tone]] = {
    "queued": ("Queued", "calm"),
    "running": ("Running", "busy"),
    "succeeded": ("Done", "good"),
    "failed": ("Failed", "bad"),
    "cancelled": ("Cancelled", "calm"),
    "stopping": ("Stopping", "warn"),
    "inspecting": ("Reading schema", "busy"),
    "ready": ("Ready", "good"),
    "erasing": ("Erasing", "warn"),
    "erased": ("Erased", "calm"),
    "blocked": ("Blocked", "bad"),
    "awaiting_review": ("Awaiting review", "warn"),
    "exporting": ("Writing bundle", "busy"),
    "released": ("Released", "good"),
    "rejected": ("Rejected", "calm"),
    "withdrawn": ("Withdrawn", "calm"),
    "expired": ("Expired", "calm"),
}

KINDS = {
    "inspect": "Read schema",
    "fit": "Train and score",
    "sample": "Sample and score",
    "impute": "Fill missing cells",
    "export": "Write bundle",
    "erase": "Erase",
}

UNMODELLED = ("id", "person", "constant", "empty", "text")  # kinds of columns that no generator learns

STAGES = {
    "read": "Reading the file",
    "split": "Splitting into train, validation and hold-out",
    "encode": "Preparing the columns",
    "mean": "Training on the average record",
    "worst": "Training on the worst-fitted groups",
    "ctgan": "Training",
    "warm_start": "Learning to redraw the images",
    "conditional_gan": "Training generator against critic",
    "reduced_size": "Training on images of reduced size",
    "full_size": "Training on images of full size",
    "sample": "Sampling",
    "score": "Scoring against the hold-out",
    "impute": "Filling the missing cells",
    "export": "Writing the bundle",
}

GENERATORS = {
    "auto": "Automatic",
    "autoregressive_gan": "Autoregressive GAN",
    "critic_gan": "Critic-only GAN",
    "gaussian_copula": "Gaussian copula",
    "independent": "Independent columns",
    "ctgan": "CTGAN",
    "tvae": "TVAE",
    "smote_nc": "SMOTE-NC",
    "conditional_gan": "Conditional GAN",
}

CENSUS: dict[str, tuple[str, Tone, str]] = {
    "represented": ("Represented", "good", "comes back about as often as in the real data"),
    "thin": ("Thin", "warn", "comes back clearly less often than in the real data"),
    "lost": ("Lost", "bad", "comes back less than a quarter as often, or not at all"),
    "too few to tell": ("Too few to tell", "calm", "fewer than five synthetic ones would be expected"),
}

HEALTH: dict[str, tuple[str, Tone]] = {
    "balanced": ("Balanced", "good"),
    "critic at chance": ("Critic at chance", "warn"),
    "critic too strong": ("Critic too strong", "warn"),
    "group lost": ("Group lost", "bad"),
    "collapsing": ("Collapsing", "bad"),
    "copying": ("Copying", "bad"),
}

FIGURES = {
    "held_out_gap": "Gap of the critics on unseen records, nats (0: no difference found)",
    "held_out_auc": "Pairs the critics order rightly, unseen records (0.5: a guess)",
    "diversity": "Variety of made records (1: as in unseen real ones)",
    "validation": "Surprise of validation records, nats (lower is better)",
    "loss": "Training loss, nats",
    "conditional_gan/validation": "Distance of made images to validation images (lower is better)",
    "conditional_gan/loss": "Loss of the critic, nats",
    "reduced_size/validation": "Reduced size: distance of made images to validation images (lower is better)",
    "reduced_size/loss": "Reduced size: loss of the critic, nats",
    "full_size/validation": "Full size: distance of made images to validation images (lower is better)",
    "full_size/loss": "Full size: loss of the critic, nats",
}

MARKDOWN = frozenset("\\`*_{}[]()<>#+-.!|:$~")  # what Markdown would read as more than text

RECORDS = {"tabular": "row", "images": "image"}  # what a record is called

FAMILIES = {
    "coverage": "Coverage of minorities",
    "fidelity": "Fidelity",
    "utility": "Usefulness",
    "privacy": "Privacy",
}


def figure(name: str) -> str:
    """A figure of the live curves."""
    return FIGURES.get(name, name.replace("_", " ").capitalize())


def health(state: str) -> tuple[str, Tone]:
    """A state of training as a person reads it, and its tone."""
    return HEALTH.get(state, (state.capitalize(), "calm"))


def generator(name: str) -> str:
    """A generator in a few words; its full title is on the page of a new job."""
    return GENERATORS.get(name, name.replace("_", " ").capitalize())


def state(name: str) -> tuple[str, Tone]:
    """A state as a person reads it, and its tone."""
    return STATES.get(name, (name.replace("_", " ").capitalize(), "calm"))


def stage(name: str) -> str:
    """What a job is doing now."""
    name, _, _ = name.partition(":")
    return STAGES.get(name, name.replace("_", " ").capitalize())


def duration(seconds: float | None) -> str:
    """45 s, 3 min 20 s, 2 h 5 min; a dash when unknown."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def ago(moment: datetime | None) -> str:
    """How long ago something was: just now, 5 min ago, 3 h ago, else the day."""
    if moment is None:
        return "–"
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = (datetime.now(UTC) - moment).total_seconds()
    if seconds < 45:
        return "just now"
    if seconds < 3600:
        return f"{max(1, round(seconds / 60))} min ago"
    if seconds < 24 * 3600:
        return f"{round(seconds / 3600)} h ago"
    return day(moment)


def day(moment: datetime | None) -> str:
    """21 Nov 2026, or a dash."""
    return f"{moment.day} {moment:%b %Y}" if moment else "–"


def size(count: int | None) -> str:
    """Bytes as people say them."""
    if count is None:
        return "–"
    amount = float(count)
    for unit in ("B", "KB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def count(value: int | None) -> str:
    """12,345, or a dash."""
    return "–" if value is None else f"{value:,}"


def number(value: float | None, digits: int = 3) -> str:
    """A score, or a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 2) -> str:
    """A difference with its sign, or a dash."""
    return "–" if value is None else f"{value:+.{digits}f}".replace("-", "−")


def plain(text: str) -> str:
    """Text a person typed, so that Markdown shows it as it was typed."""
    return "".join(f"\\{c}" if c in MARKDOWN else c for c in text)


def plural(amount: int, one: str, many: str | None = None) -> str:
    """1 row, 2 rows."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"
