"""What a RunSpec may name: an explicit table, plus generators that other packages declare as entry points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from synthgen.contracts import Entry, FitData, Generator, Modality, resolve
from synthgen.errors import SpecError, raise_all
from synthgen.release import policies
from synthgen.spec import GatePolicy, RunSpec, SampleSpec, Spec

MODALITIES: Mapping[str, str] = {"tabular": "synthgen.tabular:TABULAR", "images": "synthgen.images:IMAGES"}
DEFAULT_GENERATOR: Mapping[str, str] = {"tabular": "autoregressive_gan", "images": "conditional_gan"}


def modality(name: str) -> Modality:
    """The modality of that name. Raises SpecError when there is none."""
    if name not in MODALITIES:
        raise SpecError(f"There is no data kind {name!r}.", f"Choose one of: {', '.join(sorted(MODALITIES))}.")
    found: Modality = resolve(MODALITIES[name])
    return found


def detect(path: Path, name: str) -> str:
    """Which data kind a file (or folder) holds, by its content; a table where nothing else recognises it."""
    others = (kind for kind in MODALITIES if modality(kind).offers("recognise"))
    return next((kind for kind in others if modality(kind).call("recognise", path, name)), "tabular")


def generators(modality_name: str) -> dict[str, Entry]:
    """Every generator of a modality: ours first, then those of entry-point group "synthgen.<modality>.generators"."""
    found = dict(modality(modality_name).generators)
    for point in _plugins(modality_name):
        found.setdefault(point.name, Entry(point.value, point.name))
    return found


@cache
def _plugins(modality_name: str) -> tuple[EntryPoint, ...]:
    """What installed packages declare, read once: it takes longer than a whole submission does."""
    return tuple(entry_points(group=f"synthgen.{modality_name}.generators"))


def generator_name(spec: RunSpec) -> str:
    """The generator a spec means; "auto", as long as no table is known, the modality's default (see `choose`).

    Raises SpecError for an unknown name.
    """
    name = DEFAULT_GENERATOR[spec.modality] if spec.generator == "auto" else spec.generator
    known = generators(spec.modality)
    if name not in known:
        raise SpecError(f"There is no generator {name!r}.", f"Choose one of: auto, {', '.join(sorted(known))}.")
    return name


def choose(spec: RunSpec, data: FitData, schema: Any) -> tuple[RunSpec, str]:
    """The spec with its generator named, and why: "auto" is settled by the modality's rule on the training rows."""
    if spec.generator != "auto":
        return spec, "Named by the specification."
    if spec.privacy is not None:  # a rule that looks at the rows would have to be paid for
        named = spec.model_copy(update={"generator": generator_name(spec)})
        return named, '"auto" chose it without looking at the rows, for differential privacy.'
    name, reason = modality(spec.modality).call("choose", data, schema, spec)
    return spec.model_copy(update={"generator": name}), f'"auto" chose it: {reason}'


def params_class(modality_name: str, generator: str) -> type[Spec] | None:
    """The frozen params class of a generator: its fields make the form and are checked before a job is queued."""
    entry = generators(modality_name)[generator]
    return resolve(entry.params) if entry.params else None


def check(spec: RunSpec) -> None:
    """Raise SpecError if the spec names an unknown modality, generator, parameter, policy, metric or figure of one, or
    asks of its generator what that cannot do.

    Imports nothing heavy.
    """
    _params(spec, generator_name(spec))
    check_able(spec, spec.sample)
    check_private(spec)
    check_policy(spec.policy, spec.modality)
    if modality(spec.modality).offers("check_spec"):
        modality(spec.modality).call("check_spec", spec)


def check_policy(policy: GatePolicy | str, modality_name: str) -> None:
    """Raise SpecError for a policy that does not exist, has no rule, or names a metric or figure that does not."""
    known = modality(modality_name).metrics
    named = policies.metrics(policy) if isinstance(policy, GatePolicy) else ()
    raise_all(SpecError, _unknown(named, known), "Correct the policy; synthgen's own policies are good examples.")
    policies.named(policy, modality_name)


def check_able(spec: RunSpec, request: SampleSpec) -> None:
    """Raise SpecError if the generator of a spec cannot honour what a sample asks for; before anything is trained."""
    known, name = generators(spec.modality), generator_name(spec)
    able = known[name].capabilities
    asked = {
        "condition": ("hold values fixed or make target groups", request.fixed or request.targets),
        "balance": ("balance columns", request.balance or request.mix == "balanced"),
    }
    missing = {
        what: words for what, (words, wanted) in asked.items() if able is not None and wanted and what not in able
    }
    for what, words in missing.items():
        others = ", ".join(sorted(n for n, entry in known.items() if what in (entry.capabilities or ())))
        raise SpecError(f"Generator {name!r} cannot {words}.", f"Leave that out, or choose one of: {others}.")
    if request.drop and not modality(spec.modality).offers("learn_sieve"):
        raise SpecError("Rows can be dropped after drawing from a table only.", "Leave `drop` out.")
    if request.drop and spec.privacy is not None:
        raise SpecError(
            "Dropping near copies or outliers reads training rows while sampling, which no privacy budget pays for.",
            "Leave `drop` out, or differential privacy.",
        )


def check_imputes(spec: RunSpec) -> None:
    """Raise SpecError if what a spec trains cannot fill missing cells."""
    if not modality(spec.modality).offers("impute"):
        raise SpecError("Missing cells are filled in tables only; images have none.", "Choose a job on a table.")
    known, name = generators(spec.modality), generator_name(spec)
    able = known[name].capabilities
    if able is not None and "impute" not in able:
        others = ", ".join(sorted(n for n, entry in known.items() if "impute" in (entry.capabilities or ())))
        raise SpecError(f"Generator {name!r} cannot fill missing cells.", f"Train one of these first: {others}.")


def check_private(spec: RunSpec) -> None:
    """Raise SpecError if a spec asks for differential privacy and for what has no accounting."""
    if spec.privacy is None:
        return
    known, name = generators(spec.modality), generator_name(spec)
    if not known[name].private:
        others = ", ".join(sorted(n for n, entry in known.items() if entry.private))
        raise SpecError(
            f"Generator {name!r} has no differential privacy: nothing bounds what one person does to it.",
            f"Choose one of: {others}." if others else f"No generator of {spec.modality} has it: leave it out.",
        )
    modality(spec.modality).call("check_private", spec)


def holds_records(spec: RunSpec) -> bool:
    """Whether the model of a spec's generator would be the training rows themselves."""
    return generators(spec.modality)[generator_name(spec)].holds_records


def _unknown(named: Iterable[str], known: Mapping[str, Entry]) -> Iterator[str]:
    """What a policy names that no scorecard of the modality could hold: a rule about it would never be looked at."""
    for rule in dict.fromkeys(named):
        name, slash, figure = rule.partition("/")
        if name not in known:
            yield f"The policy names a metric that does not exist, {name!r} (there are: {', '.join(sorted(known))})."
        elif slash and figure not in known[name].figures:
            there = ", ".join(sorted(known[name].figures)) or "none"
            yield f"The policy names a figure that metric {name!r} does not have, {figure!r} (there are: {there})."


def build(spec: RunSpec, declared: Any = None) -> Generator:
    """A new, unfitted generator as the spec describes it; `declared` is what a private one may know without looking."""
    name = generator_name(spec)
    params = _params(spec, name)
    if spec.privacy is not None:
        check_private(spec)
        private: Generator = resolve(generators(spec.modality)[name].private)(params, spec.privacy, declared)
        return private
    kind = generators(spec.modality)[name].load()
    built: Generator = kind() if params is None else kind(params)
    return built


def _params(spec: RunSpec, name: str) -> Any:
    kind = params_class(spec.modality, name)
    if kind is None:
        return None
    planned = {"time_budget": spec.time_budget} if "time_budget" in kind.model_fields else {}
    try:
        return kind(**(planned | spec.params))
    except ValidationError as problem:
        fields = sorted({".".join(str(p) for p in e["loc"]) or "(all)" for e in problem.errors()})
        raise SpecError(
            f"Generator {name!r} does not accept these parameters: {', '.join(fields)}.",
            f"It has: {', '.join(sorted(kind.model_fields))}.",
        ) from None
