"""Images as a library: fit, sample, score, save, load, without any service.

>>> from synthgen.synthesizer import ImageSynthesizer                                     # doctest: +SKIP
>>> model = ImageSynthesizer().fit(images, labels)                                        # doctest: +SKIP
>>> made = model.sample({"platelet": 500})                                                # doctest: +SKIP
>>> made.images.shape, set(made.labels)                                                   # doctest: +SKIP
>>> card = model.score(unseen_images, unseen_labels)                                      # doctest: +SKIP
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from synthgen import catalog, pipeline
from synthgen.contracts import Scorecard
from synthgen.errors import InputError, SpecError
from synthgen.image_scored import LabelledImages, score_prepared, source_of
from synthgen.pipeline import Model, Prepared
from synthgen.runtime import Event, RunContext, ignore
from synthgen.spec import GroupTarget, ImageOptions, RunSpec, SampleSpec, checked
from synthgen.training import devices

CLASS = "class"


class ImageSynthesizer:
    """Labelled images in, synthetic ones out.

    `fit` uses every image it is given for training and validation; keep a hold-out of your own for `score`. `size`,
    `channels` and `fit_by` say how images of several forms are brought to one; None: chosen from the images
    (28, 32, 48 or 64 pixels; smaller ones are enlarged to 28 unless `size` is given). Of a file with a table of labels,
    `label` and `person` name the columns of the class and the source; None: found by their names.
    """

    def __init__(
        self,
        generator: str = "auto",
        params: Mapping[str, Any] | None = None,
        time_budget: int = 600,
        seed: int = 0,
        k_floor: int = 10,
        size: int | None = None,
        channels: int | None = None,
        fit_by: str = "pad",
        label: str | None = None,
        person: str | None = None,
        device: str = "cpu",
        listener: Callable[[Event], None] = ignore,
    ) -> None:
        self.generator = generator
        self.params = params
        self.time_budget = time_budget
        self.seed = seed
        self.k_floor = k_floor
        self.size = size
        self.channels = channels
        self.fit_by = fit_by
        self.label = label
        self.person = person
        self.device = device
        self.listener = listener

    @property
    def spec(self) -> RunSpec:
        """The specification these settings amount to."""
        said = {"size": self.size, "channels": self.channels, "label": self.label, "person": self.person}
        form = checked(ImageOptions, fit=self.fit_by, **said)
        return checked(
            RunSpec,
            modality="images",
            generator=self.generator,
            params=dict(self.params or {}),
            holdout_share=0.0,
            time_budget=self.time_budget,
            seed=self.seed,
            k_floor=self.k_floor,
            images=form,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was not taken and which classes are too small to be sure of, as `fit` tells its listener.

        A loaded model knows neither.
        """
        self._must_be_fitted()
        return () if self.prepared_ is None else pipeline.cautions(self.prepared_, self.spec)

    def fit(self, images: Any, labels: Any = None, sources: Any = None) -> Self:
        """Learn from arrays with `labels`, or from the path of a folder, zip or .npz.

        `sources` names the patient or source of each image: those of one stay on one side of every split. Raises
        SynthgenError for what cannot be modelled.
        """
        spec, ctx = self.spec, self._context()
        catalog.check(spec)
        source = source_of(images, labels, sources)
        self.prepared_: Prepared | None = pipeline.prepare(source, spec, ctx)
        self.schema_ = self.prepared_.schema
        self.rows_ = len(source.data)
        self.model_: Model = pipeline.fit(self.prepared_, spec, ctx)
        return self

    def sample(
        self,
        counts: Mapping[str, int] | int | None = None,
        seed: int = 0,
        truncation: float = 1.0,
        balanced: bool = False,
    ) -> LabelledImages:
        """Images of each class as often as `counts` says; of a bare number, shares as in the data or equal ones.

        `truncation` below 1 gives likelier and less varied images. Raises SpecError for a class that is not known.
        """
        request = self._request(counts, seed, truncation, balanced)
        chunks = list(self._chunks(request))
        names = self.schema_.classes
        labels = [names[place] for chunk in chunks for place in chunk.labels]
        return LabelledImages(np.concatenate([chunk.pixels for chunk in chunks]), labels)

    def between(self, label: str, steps: int = 8, seed: int = 0) -> LabelledImages:
        """`steps` images of one class on the way from one noise to another along the great circle (White 2016).

        Looks into the latent space: a model that knows its images by heart jumps, another changes gradually. Raises
        SpecError for a class that is not known.
        """
        self._must_be_fitted()
        if label not in self.schema_.classes:
            raise SpecError(
                "There is no such class.", f"The model has {len(self.schema_.classes)} classes: choose one."
            )
        if steps < 2:
            raise SpecError("Fewer than two images were asked for.", "Ask for two or more.")
        place = self.schema_.classes.index(label)
        generator: Any = self.model_.generator
        made = generator.between(place, steps, RunContext(seed=seed))
        return LabelledImages(made.pixels, [label] * steps)

    def write(
        self,
        path: str | Path,
        counts: Mapping[str, int] | int | None = None,
        seed: int = 0,
        truncation: float = 1.0,
        balanced: bool = False,
    ) -> int:
        """Stream synthetic images to a .zip (a folder a class, with a manifest) or .npz; returns how many."""
        request, modality = self._request(counts, seed, truncation, balanced), catalog.modality("images")
        with tempfile.TemporaryDirectory() as scratch:
            name = self.model_.generator.name
            made = modality.call("write", self._chunks(request), self.schema_, Path(scratch), request, name, [])
            modality.call("export_file", made, self.schema_, Path(path))
            return int(made.rows)

    def score(
        self,
        images: Any,
        labels: Any = None,
        sources: Any = None,
        synthetic: LabelledImages | None = None,
        features: str | Path | None = None,
    ) -> Scorecard:
        """The scorecard of synthetic images (drawn afresh if none are given) beside a hold-out `fit` never saw.

        `images`, `labels` and `sources` are the hold-out, given as to `fit`. `features` is a TorchScript network, such
        as Inception, to look through instead of networks trained here (`synthgen.images.metrics.given`).
        """
        self._must_be_fitted()
        if self.prepared_ is None:
            raise SpecError("A loaded model has no training data to be compared with.", "Score before saving.")
        made = self.sample(len(self.prepared_.split.train)) if synthetic is None else synthetic
        generator = self.model_.generator if synthetic is None else None
        held = source_of(images, labels, sources)
        ctx = replace(self._context(), features=None if features is None else Path(features))
        return score_prepared(self.prepared_, source_of(made), held, self.spec, ctx, generator)

    def save(self, directory: str | Path) -> None:
        """Write the model (safetensors and JSON, never a pickle); it holds no image."""
        self._must_be_fitted()
        pipeline.save_model(self.model_, self.schema_, self.spec, self.rows_, Path(directory))

    @classmethod
    def load(cls, directory: str | Path, device: str = "cpu") -> Self:
        """A fitted synthesizer from `save`, to draw on `device`. Raises InputError if there is no model of images."""
        model, schema, spec, rows = pipeline.load_model(Path(directory), device)
        if spec.modality != "images":
            raise InputError("The folder holds a model of tables.", "Load it with TabularSynthesizer.")
        form = spec.images
        loaded = cls(
            spec.generator,
            spec.params,
            spec.time_budget,
            spec.seed,
            spec.k_floor,
            form.size,
            form.channels,
            form.fit,
            form.label,
            form.person,
            device,
        )
        loaded.prepared_, loaded.schema_, loaded.rows_, loaded.model_ = None, schema, rows, model
        return loaded

    def _request(
        self, counts: Mapping[str, int] | int | None, seed: int, truncation: float, balanced: bool
    ) -> SampleSpec:
        self._must_be_fitted()
        known = {"seed": seed, "truncation": truncation}
        if isinstance(counts, Mapping):
            asked = [(name, number) for name, number in counts.items() if number]
            wrong = sum(not isinstance(number, int | np.integer) or number < 0 for _, number in asked)
            if wrong:
                said = f"{wrong} of {len(counts)} counts of classes"
                raise SpecError(
                    f"{said}: no whole number of images.", "Give each class 0 or more, as {'platelet': 500}."
                )
            targets = tuple(checked(GroupTarget, where={CLASS: str(name)}, rows=number) for name, number in asked)
            if not targets:
                raise SpecError("No image was asked for.", "Give at least one class a count above 0.")
            return checked(SampleSpec, targets=targets, **known)
        return checked(SampleSpec, rows=counts, mix="balanced" if balanced else "data", **known)

    def _chunks(self, request: SampleSpec) -> Iterator[Any]:
        catalog.modality("images").call("check_request", request, None, self.schema_, self.spec)
        rows = pipeline.request_rows(request, self.rows_)
        return pipeline.draw(self.model_, self.schema_, request, rows, self.spec, self._context())

    def _must_be_fitted(self) -> None:
        if not hasattr(self, "model_"):
            raise SpecError("This synthesizer has not been fitted.", "Call fit first, or load a saved model.")

    def _context(self) -> RunContext:
        devices.must_be_there(self.device)
        return RunContext(seed=self.seed, device=self.device, listener=self.listener)
