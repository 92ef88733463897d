"""One image file to pixels: header first, pixels bounded before anything is decoded, every conversion told.

Only formats whose decoders read pixels are allowed (no EPS, no PDF: those run programs). The first frame is taken.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "PPM")
MOST_FILE_BYTES = 64 << 20
MOST_PIXELS = 25_000_000  # of one image; of a JPEG, which is reduced while it is decoded, twice as many
FREE_PIXELS = 4_000_000
MOST_PER_BYTE = 300  # pixels for each byte of a file of more than FREE_PIXELS: what is emptier is made to deceive
BACKGROUND = 255  # white: what shines through transparent pixels
COLOURED_LEVELS = 16  # levels between the channels of a pixel that has colour; JPEG's own noise stays below
COLOURED_SHARE = 0.01
LOOKED_AT = 64  # rows and columns of an image that are looked at for colour
ORIENTATION = 0x0112
TURNED = "turned as the camera noted"
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIXTEEN = ("I;16", "I;16B", "I;16L", "I;16N")
MAGIC = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
}
ENDINGS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp", ".dib"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
}
IMAGE_ENDINGS = tuple(ending for endings in ENDINGS.values() for ending in endings)


class Refused(Exception):
    """Why one file is no image of the set; the words hold nothing of its content."""


@dataclass(frozen=True)
class Decoded:
    """Pixels of one file: uint8 (h, w, 1 or 3), or one deep channel (h, w, 1) of uint16 or float32 to be scaled later.

    `size` is (width, height) as shown, before any reduction; `told` says what was converted.
    """

    pixels: np.ndarray
    size: tuple[int, int]
    told: tuple[str, ...] = ()


def looks_like(head: bytes) -> str | None:
    """The image format that the first bytes of a file announce, or None."""
    known = next((name for magic, name in MAGIC.items() if head.startswith(magic)), None)
    if known:
        return known
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and len(head) >= 18:
        return "BMP"
    return "PPM" if len(head) > 2 and head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace() else None


def decode(data: bytes, side: int) -> Decoded:
    """The first frame of a file's bytes, its longer side reduced to at most `side`. Raises Refused with the reason."""
    return _guarded(lambda: _decoded(data, side))


def _guarded(read: Callable[[], Decoded]) -> Decoded:
    """What `read` gives; Refused, with the reason, where it fails."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read()
    except Refused:
        raise
    except Image.DecompressionBombError:
        raise Refused(_too_many()) from None
    except Image.UnidentifiedImageError:
        raise Refused("not an image that can be read, or its header is damaged") from None
    except MemoryError:
        raise Refused("decoding needs more memory than there is") from None
    except Exception as error:  # decoders fail in many ways; none of them may end the reading of the set
        raise Refused("damaged or cut off") from error


def _decoded(data: bytes, side: int) -> Decoded:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        _check_size(width, height, 2 if image.format in ("JPEG", "MPO") else 1)
        _check_emptiness(width * height, len(data))
        told = _frames_told(image) + _depth_told(image, data) + _turn_told(image)
        if image.format in ("JPEG", "MPO"):
            image.draft(None, (min(2 * side, width), min(2 * side, height)))
        with _hushed(image.format == "TIFF"):
            image.load()
        turn = _turn(image)  # only now: to look for it loads the pixels of a PNG, and a damaged one must be seen
        found = _plain(image, _reduced_size(width, height, side))
    return _turned(replace(found, size=(width, height), told=(*told, *found.told)), turn)


@contextmanager
def _hushed(wanted: bool) -> Iterator[None]:
    """Without what the TIFF library writes to the error stream of the process, a line for every odd tag."""
    if not wanted:
        yield
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def of_picture(image: Image.Image, side: int) -> Decoded:
    """The same of a picture in memory. Raises Refused with the reason."""
    return _guarded(lambda: _pictured(image, side))


def _pictured(image: Image.Image, side: int) -> Decoded:
    size = image.size
    _check_size(*size)
    told = _turn_told(image)
    image.load()
    found = _plain(image, _reduced_size(*size, side))
    return _turned(replace(found, size=size, told=(*told, *found.told)), _turn(image))


def _check_size(width: int, height: int, times: int = 1) -> None:
    if width < 1 or height < 1:
        raise Refused("it has no pixel")
    if width * height > MOST_PIXELS * times:
        raise Refused(_too_many())


def _check_emptiness(pixels: int, size: int) -> None:
    if pixels > FREE_PIXELS and pixels > MOST_PER_BYTE * size:
        raise Refused(f"its header announces over {MOST_PER_BYTE} pixels for each of its bytes")


def _too_many() -> str:
    return f"its header announces more than {MOST_PIXELS // 10**6} million pixels"


def _frames_told(image: Image.Image) -> tuple[str, ...]:
    return ("first of several frames taken",) if getattr(image, "is_animated", False) else ()


def _depth_told(image: Image.Image, data: bytes) -> tuple[str, ...]:
    """Colour of 16 bits per channel is read with 8: its low bytes are dropped by the decoder."""
    deep = image.format == "PNG" and len(data) > 24 and data[24] == 16
    if image.format == "TIFF":
        deep = 16 in tuple(getattr(image, "tag_v2", {}).get(258, ()))
    return ("16 bits per colour reduced to 8",) if deep and image.mode in ("RGB", "RGBA", "LA", "RGBX") else ()


def _turn_told(image: Image.Image) -> tuple[str, ...]:
    """A TIFF is turned by its decoder."""
    tags = getattr(image, "tag_v2", None) if image.format == "TIFF" else None
    return (TURNED,) if tags is not None and tags.get(ORIENTATION) in TURNS else ()


def _turn(image: Image.Image) -> Image.Transpose | None:
    """How the file says it is to be turned; damaged notes of a camera are passed over."""
    try:
        return TURNS.get(int(image.getexif().get(ORIENTATION, 1)))
    except Exception:
        return None


def _reduced_size(width: int, height: int, side: int) -> tuple[int, int]:
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _plain(image: Image.Image, size: tuple[int, int]) -> Decoded:
    """Grey or colour of 8 bits, or one deep channel, at `size`."""
    if image.mode in SIXTEEN or image.mode in ("I", "F"):
        return _deep(image, size)
    told: list[str] = []
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        told.append(f"{image.mode} converted to RGB")
    elif image.mode == "P":
        told.append("palette looked up")
    elif image.mode == "1":
        told.append("1 bit made 8")
    small = _resized(_common_mode(image), size)
    if small.mode in ("LA", "RGBA"):
        small = _opaque(small, told)
    return Decoded(_without_idle_channels(np.asarray(small, dtype=np.uint8)), size, tuple(told))


def _common_mode(image: Image.Image) -> Image.Image:
    """The same picture as L, LA, RGB or RGBA."""
    if image.mode == "1":
        return image.convert("L")
    clear = "transparency" in image.info or image.mode in ("PA", "La", "RGBa")
    if image.mode in ("L", "LA", "RGB", "RGBA") and not (clear and image.mode in ("L", "RGB")):
        return image
    return image.convert("RGBA" if clear else "RGB")


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.HAMMING)


def _opaque(image: Image.Image, told: list[str]) -> Image.Image:
    """The picture on a white ground; only pictures that let something through are told of."""
    pixels = np.asarray(image, dtype=np.float32)
    alpha = pixels[..., -1:] / 255
    if float(alpha.min()) < 1:
        told.append("transparency laid on white")
    mixed = np.rint(pixels[..., :-1] * alpha + BACKGROUND * (1 - alpha)).astype(np.uint8)
    return Image.fromarray(mixed[..., 0] if mixed.shape[-1] == 1 else mixed)


def _without_idle_channels(pixels: np.ndarray) -> np.ndarray:
    """(h, w, 1) for grey, also for grey that was stored as three equal channels; else (h, w, 3)."""
    if pixels.ndim == 2:
        return pixels[..., None]
    same = np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 0], pixels[..., 2])
    return np.ascontiguousarray(pixels[..., :1]) if same else pixels


def _deep(image: Image.Image, size: tuple[int, int]) -> Decoded:
    """One channel of more than 8 bits: uint16 where the values fit, else float32; scaled when the whole set is read."""
    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise Refused("it holds values that are no numbers")
    whole = values.dtype.kind in "iu" and values.min() >= 0 and values.max() <= 65535
    small = _resized(Image.fromarray(values.astype(np.float32)), size)
    pixels = np.asarray(small, dtype=np.float32)[..., None]
    return Decoded(np.rint(pixels).astype(np.uint16) if whole else pixels, size)


def _turned(found: Decoded, turn: Image.Transpose | None) -> Decoded:
    """The picture as it is meant to be seen."""
    if turn is None:
        return found
    layers = [Image.fromarray(np.ascontiguousarray(found.pixels[..., c])).transpose(turn) for c in _channels(found)]
    pixels = np.stack([np.asarray(layer) for layer in layers], axis=-1)
    aside = turn in (TURNS[5], TURNS[6], TURNS[7], TURNS[8])
    size = found.size[::-1] if aside else found.size
    return Decoded(pixels, (size[0], size[1]), (*found.told, TURNED))


def _channels(found: Decoded) -> range:
    return range(found.pixels.shape[-1])


def has_colour(pixels: np.ndarray) -> bool:
    """Whether more than one pixel in a hundred differs visibly between its channels; large images are looked at
    in part."""
    if pixels.shape[-1] == 1:
        return False
    step = max(1, min(pixels.shape[:2]) // LOOKED_AT)
    red, green, blue = np.moveaxis(pixels[::step, ::step].astype(np.int16), -1, 0)
    spread = np.maximum(np.maximum(abs(red - green), abs(green - blue)), abs(red - blue))
    return float((spread > COLOURED_LEVELS).mean()) > COLOURED_SHARE
