"""The main job on images: labelled cells go in through the API, queue and worker; a released bundle comes out.

python examples/demo_images.py [--data FILE] [--time-budget SECONDS] [--policy NAME] [--out DIRECTORY]
"""

from __future__ import annotations

import argparse
import base64
import html
import io
import sys
from pathlib import Path
from typing import Any

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the file can be run by its path

from examples.running import finished, number, released, say, show_bundle, show_scorecard, show_verdict, signed_in
from synthgen.client import Client
from synthgen.contracts import MetricResult

HERE = Path(__file__).resolve().parent
SHOWN, CELL, GAP = 12, 64, 4  # images of a class on each side; pixels of one in the grid; between them
PAIRS = 8  # closest pairs that are printed


def main() -> int:
    """Run the demo; 0 when a bundle was downloaded."""
    wish = arguments()
    with signed_in() as client:
        return main_job(client, wish)


def main_job(client: Client, wish: argparse.Namespace) -> int:
    """Upload, train, score, look, release, download."""
    say(f"Uploading {wish.data.name}")
    dataset = client.await_dataset(client.upload(wish.data).id)
    show_schema(client.schema(dataset.id))
    say(f"Training for about {wish.time_budget} seconds, then drawing every class equally often, and scoring")
    spec = {
        "modality": "images",
        "time_budget": wish.time_budget,
        "seed": 1,
        "policy": wish.policy,
        "sample": {"mix": "balanced"},
    }
    job = client.submit(dataset.id, spec)
    set_id = finished(client, job)
    show_health(client, job.id)
    if set_id is None:
        return 1
    wish.out.mkdir(parents=True, exist_ok=True)
    verdict, card = client.verdict(set_id), client.scorecard(set_id)
    show_scorecard(card, "images")
    show_advice(card.result("augmentation"))
    show_gallery(client.gallery(set_id), wish.out)
    show_verdict(verdict)
    if verdict.outcome == "blocked":
        print("The gate blocked this set; nothing is released.", file=sys.stderr)
        return 1
    bundle = released(client, set_id, wish.out)
    show_bundle(bundle)
    print(f"  the report for reading is report.html in it; real beside synthetic: {wish.out / 'grid.png'}")
    return 0


def show_schema(schema: dict[str, Any]) -> None:
    """What the images were read as."""
    images, colour = sum(schema["counts"]), "RGB" if schema["channels"] == 3 else "grey"
    say(f"{images:,} images, {schema['width']} x {schema['height']} pixels, {colour}")
    for name, count in zip(schema["classes"], schema["counts"], strict=True):
        print(f"  {name:<26} {count:>6,}")
    for note in schema["notes"]:
        print(f"  {note}")


def show_health(client: Client, job_id: str) -> None:
    """What training last said of itself, in one sentence."""
    told = client.health(job_id)
    if told is not None:
        print(f"  training, at its last look: {told.payload['text']}")


def show_advice(found: MetricResult | None) -> None:
    """Whether adding the set to the real images helps a classifier, against what real images alone can do."""
    if found is None:
        return
    say("Would adding this set to the real images help a standard classifier?")
    print(f"  {found.verdict or 'no answer'}: {found.reason}")


def show_gallery(gallery: dict[str, Any], out: Path) -> None:
    """Write grid.png and gallery.html, and print how near the closest synthetic images come to training images."""
    grid(gallery["classes"]).save(out / "grid.png", optimize=True)
    (out / "gallery.html").write_text(page(gallery), encoding="utf-8")
    say(f"Closest pairs of a synthetic and a training image ({gallery['distance']}; 0: equal)")
    for pair in gallery["pairs"][:PAIRS]:
        beside = f"{number(pair['to_training'])} to training, {number(pair['to_holdout'])} to the nearest unseen image"
        print(f"  {pair['class']:<26} {beside}")
    print(f"  real beside synthetic: {out / 'grid.png'}; with the closest pairs: {out / 'gallery.html'}")


def grid(classes: list[dict[str, Any]]) -> Image.Image:
    """One row a class: real images on the left, synthetic ones on the right."""
    step = CELL + GAP
    sheet = Image.new("RGB", (2 * SHOWN * step + 5 * GAP, len(classes) * step + GAP), "white")
    for row, found in enumerate(classes):
        for side, start in (("real", GAP), ("synthetic", SHOWN * step + 5 * GAP)):
            for column, address in enumerate(found[side][:SHOWN]):
                sheet.paste(picture(address), (start + column * step, GAP + row * step))
    return sheet


def picture(address: str) -> Image.Image:
    """The image in a data address, at the size of the grid."""
    data = base64.b64decode(address.split(",", 1)[1])
    return Image.open(io.BytesIO(data)).convert("RGB").resize((CELL, CELL), Image.Resampling.NEAREST)


def page(gallery: dict[str, Any]) -> str:
    """A page without scripts: each class, real and synthetic, then the closest pairs."""
    parts = ["<!doctype html><meta charset=utf-8><title>Real beside synthetic</title>"]
    parts.append("<style>body{font:15px sans-serif;margin:2em}img{width:72px;image-rendering:pixelated}</style>")
    for found in gallery["classes"]:
        parts.append(f"<h2>{html.escape(found['class'])}</h2>")
        parts += [f"<p>{side}<br>{images(found[side])}</p>" for side in ("real", "synthetic")]
    parts.append("<h2>Closest pairs: synthetic, its nearest training image</h2>")
    parts += [f"<p>{images([p['synthetic'], p['nearest']])} {number(p['to_training'])}</p>" for p in gallery["pairs"]]
    return "\n".join(parts)


def images(addresses: list[str]) -> str:
    """Images in a row."""
    return " ".join(f'<img src="{address}">' for address in addresses)


def arguments() -> argparse.Namespace:
    """What the caller wants; the defaults are the cells that ship with the project."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=HERE / "data" / "cells.zip")
    parser.add_argument("--time-budget", type=int, default=120)
    parser.add_argument("--policy", default="open", help="open, standard or strict; standard asks for more sources")
    parser.add_argument("--out", type=Path, default=Path("demo-output-images"))
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
