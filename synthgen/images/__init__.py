"""Labelled images: what the catalog may name. Strings only, so that naming a generator imports nothing heavy."""

from synthgen.contracts import Entry, Modality
from synthgen.images.metrics import METRICS

NOTICE = """The images were drawn by a generative model that learnt from real ones. How close the closest of them come
to real images is told in the report.

images.zip    one PNG an image, a folder a class, and manifest.csv
images.npz    the same as arrays: images, labels, class_names
schema.json   size, channels and classes"""

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
        "cautions": "synthgen.images.cautions:cautions",
        "recognise": "synthgen.images.detect:is_images",
        "check_spec": "synthgen.images.steps:check_spec",
        "check_constraints": "synthgen.images.steps:check_constraints",
        "check_attacks": "synthgen.images.steps:check_attacks",
        "choose": "synthgen.images.steps:choose",
        "prepare": "synthgen.images.steps:prepare",
        "complete": "synthgen.images.steps:complete",
        "key_notes": "synthgen.images.steps:key_notes",
        "learn_constraints": "synthgen.images.steps:learn_constraints",
        "load_keys": "synthgen.images.steps:load_nothing",
        "load_constraints": "synthgen.images.steps:load_nothing",
        "summary": "synthgen.images.steps:summary",
        "safe_schema": "synthgen.images.steps:safe_schema",
        "kept_schema": "synthgen.images.steps:kept_schema",
        "nameable": "synthgen.images.steps:nameable",
        "alike": "synthgen.images.alike:alike",
        "check_request": "synthgen.images.requests:check_request",
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
    notice=NOTICE,
)
