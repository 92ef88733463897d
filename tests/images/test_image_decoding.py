import csv
import io
import subprocess
import sys
import time

import numpy as np
import pytest
from image_files import encoded
from PIL import Image

from synthgen.images import decoding, depths
from synthgen.images.decoding import Refused, decode
from synthgen.images.originals import Ledger

RGB = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "WEBP", "PPM"])
def test_every_kind_is_read_with_its_pixels(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    pixels = RGB if kind != "GIF" else np.repeat(RGB[..., :1], 3, axis=-1)
    found = decode(encoded(pixels, kind, **options), 256)
    assert found.size == (60, 40)
    np.testing.assert_array_equal(np.broadcast_to(found.pixels, pixels.shape), pixels)


def test_a_jpeg_is_read_nearly_so():
    smooth = np.asarray(Image.fromarray(RGB[:4, :6]).resize((60, 40), Image.Resampling.BICUBIC))
    found = decode(encoded(smooth, "JPEG", quality=95), 256).pixels
    assert np.abs(found.astype(int) - smooth).mean() < 4


def test_the_longer_side_is_reduced():
    found = decode(encoded(np.full((300, 600, 3), (200, 30, 30), dtype=np.uint8)), 100)
    assert found.pixels.shape == (50, 100, 3)
    assert found.size == (600, 300)
    assert (found.pixels == (200, 30, 30)).all()


def test_grey_stored_as_three_channels_is_one_channel():
    assert decode(encoded(np.repeat(RGB[..., :1], 3, axis=-1)), 256).pixels.shape == (40, 60, 1)


def test_transparency_is_laid_on_white():
    pixels = np.zeros((8, 8, 4), dtype=np.uint8)
    pixels[:4, :, 3] = 255
    pixels[:4, :, 0] = 90
    found = decode(encoded(pixels), 256)
    assert (found.pixels[:4] == (90, 0, 0)).all()
    assert (found.pixels[4:] == 255).all()
    assert "transparency laid on white" in found.told


def test_a_camera_turn_is_followed():
    exif = Image.Exif()
    exif[decoding.ORIENTATION] = 6  # the camera was turned: shown upright after a quarter to the right
    found = decode(encoded(RGB, "PNG", exif=exif), 256)
    assert found.size == (40, 60)
    np.testing.assert_array_equal(found.pixels, np.rot90(RGB, -1))


def test_cmyk_palette_and_one_bit_are_told():
    told = {}
    for mode in ("CMYK", "P", "1"):
        out = io.BytesIO()
        Image.fromarray(RGB).convert(mode).save(out, "TIFF")
        told[mode] = decode(out.getvalue(), 256).told
    assert told == {"CMYK": ("CMYK converted to RGB",), "P": ("palette looked up",), "1": ("1 bit made 8",)}


def test_sixteen_bits_are_scaled_by_the_brightest_of_the_whole_set():
    ledger = Ledger()
    dark, bright = np.full((4, 4, 1), 1023, np.uint16), np.full((4, 4, 1), 4000, np.uint16)
    plain = np.full((4, 4, 1), 7, np.uint8)
    made = depths.scaled([dark, bright, plain], ["a", "b", "c"], ledger)
    assert [int(image[0, 0, 0]) for image in made] == [round(1023 / 4095 * 255), round(4000 / 4095 * 255), 7]
    assert [f.count for f in ledger.findings()] == [2]


def test_a_header_that_announces_too_many_pixels_is_refused_before_decoding():
    header = bytearray(encoded(np.zeros((1, 1), np.uint8)))
    header[16:24] = (200_000).to_bytes(
        4, "big"
    ) * 2  # width and height; the checksum is then wrong, the size still read
    with pytest.raises(Refused):
        decode(bytes(header), 256)
    bomb, empty = encoded(np.zeros((5100, 5100), np.uint8)), encoded(np.zeros((4000, 4000), np.uint8))
    began = time.monotonic()
    with pytest.raises(Refused, match="million pixels"):
        decode(bomb, 256)
    with pytest.raises(Refused, match="for each of its bytes"):
        decode(empty, 256)
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 20_000), (20_000, 3)])
def test_odd_shapes_are_read(shape):
    found = decode(encoded(np.full(shape, 9, np.uint8)), 256)
    assert max(found.pixels.shape) <= 256
    assert (found.pixels == 9).all()


@pytest.mark.parametrize("cut", [0, 10, 60, 200])
def test_what_is_cut_off_is_refused(cut):
    with pytest.raises(Refused):
        decode(encoded(RGB)[:cut], 256)


def test_every_bad_file_is_read_or_refused(shared_data, capfd):
    root = shared_data / "bad_images"
    rows = list(csv.DictReader((root / "MANIFEST.csv").open()))
    assert len(rows) > 90
    wrong = []
    for row in rows:
        data, began = (root / row["file"]).read_bytes(), time.process_time()
        try:
            found, reason = decode(data, 256), ""
            assert found.pixels.dtype in (np.uint8, np.uint16, np.float32)
            assert found.pixels.ndim == 3
        except Refused as refused:
            reason = str(refused)
        assert time.process_time() - began < 5
        readable = row["pillow_result"].startswith("loads") and not row["pillow_result"].startswith("loads: ICO")
        if readable != (reason == ""):
            wrong.append((row["file"], reason))
    assert wrong == []
    assert len(capfd.readouterr().err) < 500


CHILD = """
import pathlib, sys
from synthgen.images.decoding import Refused, decode
files = [path for path in sorted(pathlib.Path(sys.argv[1]).rglob("*")) if path.is_file()]
for path in files:
    try:
        decode(path.read_bytes(), 256)
    except Refused:
        pass
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(len(files), peak.split()[1])
"""


def test_all_bad_files_together_take_less_than_a_gigabyte(shared_data):
    command = [sys.executable, "-c", CHILD, str(shared_data / "bad_images")]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=200).stdout.split()
    assert int(told[0]) > 90
    assert int(told[1]) < 1 << 20, "kilobytes, of the process itself: ru_maxrss keeps its parent's peak"
