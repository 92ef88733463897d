"""Other images brought to the form of a set: a hold-out, or what another generator made."""

from __future__ import annotations

import numpy as np

from synthgen.contracts import Source
from synthgen.errors import InputError
from synthgen.images import forming
from synthgen.images import people as grouping
from synthgen.images.originals import Originals
from synthgen.images.schema import ImageSchema
from synthgen.images.stack import ImageStack


def alike(source: Source, schema: ImageSchema) -> tuple[ImageStack, np.ndarray]:
    """The images of known classes in the schema's size and channels, and which of them belong together, (n,).

    Classes are read from the column that was found or from the schema's, whichever knows more images. Sources are read
    from the schema's column or, where these images have none of that name, from their own. Raises InputError where no
    image is of a known class.
    """
    originals: Originals = source.data
    columns = [c for c in (originals.label, schema.layout.get("label", "")) if c in originals.columns]
    found = [grouping.labels(originals, column, schema.classes) for column in columns]
    labels = max(found, key=lambda places: int((places >= 0).sum()))
    kept = np.flatnonzero(labels >= 0)
    if not len(kept):
        raise InputError(
            f"None of {len(originals)} images is of one of the {len(schema.classes)} classes that were learnt.",
            "Give images of the same classes, named in the same way.",
        )
    person = schema.person if schema.person in originals.columns else originals.person
    people = np.unique(grouping.people(originals, person)[kept], return_inverse=True)[1].astype(np.int64)
    return ImageStack(forming.stacked([originals.images[place] for place in kept], schema), labels[kept]), people
