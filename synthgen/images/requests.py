"""What may be asked of a fitted generator of images: classes of the schema, all of which are over the k-floor."""

from __future__ import annotations

from collections.abc import Mapping

from synthgen.contracts import Split
from synthgen.errors import SpecError, raise_all
from synthgen.images.schema import CLASS, ImageSchema
from synthgen.spec import OneOf, Range, RunSpec, SampleSpec, Wish

HINT = "Ask for classes of the schema, each by its name, or for a balanced mix."


def check_request(request: SampleSpec, split: Split, schema: ImageSchema, spec: RunSpec) -> None:
    """Refuse unknown columns and classes, and what images cannot be asked. Raises SpecError with every problem.

    No class of a schema is held by fewer than k people, so that nobody needs to be counted again.
    """
    raise_all(SpecError, _problems(request, schema), HINT)


def class_of(where: Mapping[str, Wish]) -> str | None:
    """The class that a wish means, as text; None where it names none."""
    wish = where.get(CLASS)
    if wish is None or isinstance(wish, Range | OneOf):
        return None
    return str(int(wish)) if isinstance(wish, float) and wish.is_integer() else str(wish)


def _problems(request: SampleSpec, schema: ImageSchema) -> list[str]:
    problems = [] if not request.fixed else _of_wish("the fixed value", request.fixed, schema)
    for number, target in enumerate(request.targets, 1):
        problems += _of_wish(f"target {number}", target.where, schema)
    asked = [class_of(target.where) for target in request.targets]
    if len(asked) != len(set(asked)):
        problems.append("A class is asked for in two targets.")
    if request.fixed and request.targets:
        problems.append("A fixed class and targets were both given.")
    if [name for name in request.balance if name != CLASS] or request.balance_within is not None:
        problems.append(f"Images are balanced over their {CLASS!r} only.")
    if request.drop:
        problems.append("Images are not dropped after drawing.")
    return problems


def _of_wish(what: str, where: Mapping[str, Wish], schema: ImageSchema) -> list[str]:
    """What is wrong with the columns and the class of one wish."""
    others = [name for name in where if name != CLASS]
    if others or CLASS not in where:
        return [f"{what}: images have one column to ask for, {CLASS!r}."]
    name = class_of(where)
    if name is None:
        return [f"{what}: a class is asked for by its name, not by a range, a list or a missing value."]
    if name not in schema.classes:
        return [f"{what}: there is no such class among the {len(schema.classes)} of the schema."]
    return []
