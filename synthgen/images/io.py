"""Images with their classes from a folder, a zip, an .npz or from memory. Nothing is ever unpacked to disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from PIL import Image

from synthgen.contracts import Source
from synthgen.errors import InputError, LimitError
from synthgen.images import archives, arrays, decoding, depths, detect, duplicates, labelling, npz
from synthgen.images.archives import Member
from synthgen.images.originals import Ledger, Originals

LARGEST_SIDE = 256
SMALLEST_SIDE = 64
KEPT_BYTES = 320 << 20  # of decoded pixels of a whole set
MOST_IMAGES = 300_000  # of arrays
MOST_PIXELS = 12_000_000_000  # of a whole set as it came: what decoding takes time for
HINT = "Submit a zip with one subfolder per class, images with a CSV of labels, or an .npz with images and labels."
CLASS, PERSON = "class", "source"


@dataclass(frozen=True)
class Read:
    """Images as they come from any input, before depth and duplicates are looked at."""

    images: list[np.ndarray]
    files: list[str]
    sizes: list[tuple[int, int]]

    def extend(self, other: Read) -> None:
        """Take in what was read elsewhere."""
        self.images.extend(other.images)
        self.files.extend(other.files)
        self.sizes.extend(other.sizes)


def read(path: Path, name: str | None = None) -> Source:
    """The labelled images in a folder, a zip or an .npz. Raises InputError or LimitError."""
    path = Path(path)
    if not path.exists():
        raise InputError("There is no such file or folder.", "Check the path.")
    label = name or path.name.split(".")[0]
    kind = detect.kind_of(path)
    if kind == "npz":
        return _from_npz(path, label)
    if kind in ("zip", "folder"):
        return _from_members(path, label)
    raise InputError(f"The file is {kind}, not a set of labelled images.", HINT)


def from_memory(images: Any, labels: Any, sources: Any = None, name: str = "images") -> Source:
    """The labelled images of arrays, tensors or lists of originals. Raises InputError.

    `images`: (n, h, w), (n, h, w, c) or (n, c, h, w) of numbers of any usual range, or a sequence of PIL images or
    arrays of any sizes. `labels` and `sources` (patients or other sources; optional) have one entry per image.
    """
    ledger = Ledger()
    if not _is_array(images) and not isinstance(images, Iterable):
        raise InputError("What was given as images is neither an array nor a list of images.", arrays.EXPECTED)
    found = _from_array(images, ledger) if _is_array(images) else _from_sequence(list(images), ledger)
    columns = {CLASS: arrays.label_texts(_plain(labels), len(found.files))}
    if sources is not None:
        columns[PERSON] = arrays.label_texts(_plain(sources), len(found.files))
    person = PERSON if sources is not None else None
    return _source(name, found, columns, (CLASS, person), ledger, _digest(found, columns), {"format": "memory"}, ())


def _is_array(images: Any) -> bool:
    return hasattr(images, "shape") and hasattr(images, "dtype")


def _plain(values: Any) -> Any:
    """A NumPy array of a tensor (also on another device); anything else as it is."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values


def _from_array(images: Any, ledger: Ledger) -> Read:
    stack = arrays.channels_last(np.asarray(_plain(images)))
    _check_count(len(stack))
    pixels, told = arrays.eight_bits(stack)
    files = [f"image {number}" for number in range(len(pixels))]
    for file in files if told else ():
        ledger.add("converted", told, file)
    return _read_stack(pixels, files)


def _check_count(count: int) -> None:
    if count > MOST_IMAGES:
        raise LimitError(f"There are {count} images, more than {MOST_IMAGES}.", "Submit a part of the images.")


def _read_stack(pixels: np.ndarray, files: list[str], side: int | None = None) -> Read:
    """Views of one array where nothing has to be done to its images."""
    if pixels.shape[1] == 0 or pixels.shape[2] == 0:
        raise InputError("The images have no pixel.", arrays.EXPECTED)
    side = side or _side(len(pixels))
    made = [arrays.one_or_three(_at_most(image, side)) for image in pixels]
    return Read(made, files, [(pixels.shape[2], pixels.shape[1])] * len(files))


def _from_sequence(images: Sequence[Any], ledger: Ledger) -> Read:
    """PIL images as files would be read; arrays of one form as one array, others by a rule for each kind of numbers."""
    if not images:
        raise InputError("There is no image.", arrays.EXPECTED)
    if any(isinstance(one, str | bytes | PurePath) for one in images):
        raise InputError("Names of files were given as images.", "Give the folder, or open each with PIL.Image.open.")
    pictures = [isinstance(one, Image.Image) for one in images]
    stack = {i: np.asarray(_plain(images[i])) for i in range(len(images)) if not pictures[i]}
    if not any(pictures) and len({(one.shape, one.dtype) for one in stack.values()}) == 1:
        return _from_array(np.stack(list(stack.values())), ledger)
    scaled = arrays.eight_bits_of_all([arrays.channels_last(one[None])[0] for one in stack.values()])
    pixels = dict(zip(stack, scaled, strict=True))
    found, side = Read([], [], []), _side(len(images))
    for number, one in enumerate(images):
        file = f"image {number}"
        if pictures[number]:
            found.extend(_from_picture(one, file, side, ledger))
            continue
        array, told = pixels[number]
        found.extend(_read_stack(array[None], [file], side))
        if told:
            ledger.add("converted", told, file)
    return found


def _from_picture(image: Image.Image, file: str, side: int, ledger: Ledger) -> Read:
    try:
        decoded = decoding.of_picture(image, side)
    except decoding.Refused as refused:
        raise InputError(f"A picture cannot be taken ({file}): {refused}.", arrays.EXPECTED) from refused
    for reason in decoded.told:
        ledger.add("converted", reason, file)
    return Read([decoded.pixels], [file], [decoded.size])


def _at_most(image: np.ndarray, side: int) -> np.ndarray:
    height, width = image.shape[:2]
    if max(height, width) <= side:
        return image
    size = (max(1, round(width * side / max(height, width))), max(1, round(height * side / max(height, width))))
    layers = [Image.fromarray(np.ascontiguousarray(image[..., c])) for c in range(image.shape[-1])]
    return np.stack([np.asarray(layer.resize(size, Image.Resampling.HAMMING)) for layer in layers], axis=-1)


def _side(count: int) -> int:
    """The longest side that is kept of this many colour images, so that all of them fit into KEPT_BYTES."""
    fits = int((KEPT_BYTES / 3 / max(1, count)) ** 0.5)
    return min(LARGEST_SIDE, max(SMALLEST_SIDE, fits))


def _from_npz(path: Path, label: str) -> Source:
    pairs, names, unlabelled = npz.read(path)
    _check_count(sum(pair.images.shape[0] for pair in pairs if pair.images.ndim))
    ledger = Ledger()
    found = Read([], [], [])
    texts: list[str] = []
    people: list[str] = []
    scaled = arrays.eight_bits_of_all([arrays.channels_last(pair.images) for pair in pairs])
    for pair, (pixels, told) in zip(pairs, scaled, strict=True):
        files = [f"{pair.part or 'image'} {number}" for number in range(len(pixels))]
        for file in files if told else ():
            ledger.add("converted", told, file)
        found.extend(_read_stack(pixels, files))
        texts += arrays.label_texts(pair.labels, len(files), names)
        people += [""] * len(files) if pair.people is None else arrays.label_texts(pair.people, len(files))
    columns = {CLASS: tuple(texts), **({PERSON: tuple(people)} if any(people) else {})}
    person = PERSON if any(people) else None
    notes = ["the parts of the file were joined: the set is divided anew"] if len(pairs) > 1 else []
    notes += [f"the array {key!r} has no labels and was left out" for key in unlabelled]
    return _source(label, found, columns, (CLASS, person), ledger, _file_digest(path), {"format": "npz"}, tuple(notes))


def _from_members(path: Path, label: str) -> Source:
    ledger, digest = Ledger(), hashlib.sha256()
    with archives.opened(path, ledger) as members:
        candidates = [m for m in members if m.ending not in labelling.TABLE_ENDINGS]
        found = _decoded(candidates, ledger, digest)
        if not found.files:
            raise InputError(_none_found(len(members), ledger), HINT)
        loaded = set(found.files)
        images = [member for member in members if member.name in loaded]
        labels = labelling.found(images, [m for m in members if m.ending in labelling.TABLE_ENDINGS], ledger)
    columns = {name: tuple(texts.get(file, "") for file in found.files) for name, texts in labels.columns.items()}
    layout = {"format": "folder" if path.is_dir() else "zip", **labels.layout}
    sha256 = digest.hexdigest() if path.is_dir() else _file_digest(path)
    return _source(label, found, columns, (labels.label, labels.person), ledger, sha256, layout, labels.notes)


def _none_found(files: int, ledger: Ledger) -> str:
    reasons = "; ".join(f"{f.count}: {f.reason}" for f in ledger.findings()[:5])
    return f"None of the {files} files is an image that can be read{f' ({reasons})' if reasons else ''}."


def _decoded(members: Sequence[Member], ledger: Ledger, digest: Any) -> Read:
    """Every file that is an image; what is none is told where its name says it should be one."""
    found = Read([], [], [])
    side, kept, seen = _side(len(members)), 0, 0
    for member in members:
        try:
            one = _one(member, side, ledger, digest)
        except decoding.Refused as refused:
            ledger.add("refused", str(refused), member.name)
            continue
        if one is None:
            continue
        kept, seen = kept + one.pixels.nbytes, seen + one.size[0] * one.size[1]
        if seen > MOST_PIXELS:
            raise LimitError(
                f"The first {len(found.files)} of {len(members)} images have over {MOST_PIXELS // 10**9} thousand "
                "million pixels.",
                "Submit smaller images.",
            )
        if kept > KEPT_BYTES * 1.2:
            raise LimitError(
                f"The first {len(found.files)} of {len(members)} images fill the {KEPT_BYTES >> 20} MB that a set may "
                "take when decoded.",
                "Submit fewer images.",
            )
        found.images.append(one.pixels)
        found.files.append(member.name)
        found.sizes.append(one.size)
    return found


def _one(member: Member, side: int, ledger: Ledger, digest: Any) -> decoding.Decoded | None:
    """The image in one file; None for a file that neither is nor is called an image."""
    if member.ending in archives.ARCHIVE_ENDINGS:
        raise decoding.Refused("an archive inside the folder or zip")
    if member.size == 0 and member.ending in decoding.IMAGE_ENDINGS:
        raise decoding.Refused("an empty file")
    data = member.read()
    digest.update(hashlib.sha256(member.name.encode("utf-8", "replace") + b"\0" + data).digest())
    kind = decoding.looks_like(data[:32])
    if kind is None:
        if member.ending in decoding.IMAGE_ENDINGS:
            raise decoding.Refused("not an image that can be read, or its header is damaged")
        ledger.add("left out", "no image", member.name)
        return None
    one = decoding.decode(data, side)
    wrong = member.ending not in decoding.ENDINGS[kind]
    for reason in (*one.told, *(("its name has another ending than its content",) if wrong else ())):
        ledger.add("converted", reason, member.name)
    return one


def _source(
    name: str,
    found: Read,
    columns: Mapping[str, tuple[str, ...]],
    roles: tuple[str, str | None],
    ledger: Ledger,
    sha256: str,
    layout: Mapping[str, Any],
    notes: tuple[str, ...],
) -> Source:
    """Deep images scaled, near duplicates found, everything in one frozen record."""
    if not found.images:
        raise InputError("There is no image.", HINT)
    images = tuple(arrays.one_or_three(one) for one in depths.scaled(found.images, found.files, ledger))
    clusters = duplicates.clusters(images)
    for place in np.flatnonzero(duplicates.repeated(clusters)):
        ledger.add("duplicate", "a near duplicate of another image: both stay on one side", found.files[place])
    coloured = np.array([decoding.has_colour(image) for image in images])
    originals = Originals(
        images=images,
        files=tuple(found.files),
        sizes=np.array(found.sizes, dtype=np.int64),
        columns=columns,
        label=roles[0],
        person=roles[1],
        coloured=coloured,
        clusters=clusters,
        findings=ledger.findings(),
    )
    return Source(name, originals, sha256, layout, notes)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(found: Read, columns: Mapping[str, tuple[str, ...]]) -> str:
    digest = hashlib.sha256()
    for image in found.images:
        digest.update(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes())
    return hashlib.sha256(digest.digest() + repr(sorted(columns.items())).encode()).hexdigest()
