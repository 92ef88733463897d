"""Labelled images: what the catalog may name. Strings only, so that naming a generator imports nothing heavy."""

from synthgen.contracts import Entry, Modality
from synthgen.images.metrics import METRICS

IMAGES = Modality(
    name="images",
    title="Images",
    functions={
        "read": "synthgen.images.io:read",
        "from_memory": "synthgen.images.io:from_memory",
        "infer": "synthgen.images.inference:infer",
        "load_schema": "synthgen.images.schema:load",
        "split": "synthgen.images.splitting:split",
        "census": "synthgen.images.modes:census",
        "check_request": "synthgen.images.requests:check_request",
        "check_without_source": "synthgen.images.requests:check_without_source",
        "write": "synthgen.images.sets:write",
        "open_set": "synthgen.images.sets:open_set",
        "export": "synthgen.images.sets:export",
        "export_file": "synthgen.images.sets:export_file",
        "preview": "synthgen.images.preview:preview",
        "set_preview": "synthgen.images.preview:set_preview",
        "plots": "synthgen.images.preview:plots",
        "gallery": "synthgen.images.gallery:gallery",
    },
    generators={
        "conditional_gan": Entry(
            "synthgen.images.gan:ConditionalGAN",
            "Conditional GAN with the worst-case surprise loss",
            "synthgen.images.params:ConditionalGanParams",
            capabilities=frozenset({"condition", "balance"}),
        ),
    },
    metrics=METRICS,
)
