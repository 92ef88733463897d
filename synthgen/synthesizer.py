"""The library in five lines: fit, sample, score, save, load, without any service.

>>> from synthgen.synthesizer import TabularSynthesizer                                   # doctest: +SKIP
>>> model = TabularSynthesizer(target="stroke").fit(train)                                # doctest: +SKIP
>>> synthetic = model.sample(1000, balance=["stroke"])                                    # doctest: +SKIP
>>> card = model.score(holdout)                                                           # doctest: +SKIP
>>> card.result("mode_census").figures                                                    # doctest: +SKIP
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pandas as pd

from synthgen import catalog, pipeline
from synthgen.contracts import Scorecard
from synthgen.errors import SpecError
from synthgen.image_synthesizer import ImageSynthesizer, LabelledImages
from synthgen.pipeline import Model, Prepared
from synthgen.runtime import Event, RunContext, ignore
from synthgen.scored import must_be_table, raw, score_files, score_frames, with_holdout
from synthgen.spec import (
    ColumnOverride,
    Constraint,
    DifferentialPrivacy,
    GroupTarget,
    RunSpec,
    SampleSpec,
    Wish,
    checked,
    private,
)
from synthgen.training import devices

__all__ = ["ImageSynthesizer", "LabelledImages", "TabularSynthesizer", "score_files", "score_frames"]

RowTest = Callable[[pd.DataFrame], Any]


class TabularSynthesizer:
    """A table in, synthetic tables out.

    `fit` uses every row it is given for training and validation; keep a hold-out of your own for `score`. With
    `epsilon` (and `delta`), or all of it in `privacy`, model and rows are differentially private, one person a unit.
    Networks are trained and drawn from on `device`, such as "cuda"; private ones are trained on the CPU.
    """

    def __init__(
        self,
        generator: str = "auto",
        params: Mapping[str, Any] | None = None,
        target: str | None = None,
        positive: str | None = None,
        time_budget: int = 180,
        seed: int = 0,
        columns: Mapping[str, ColumnOverride] | None = None,
        k_floor: int = 10,
        constraints: Sequence[Constraint] = (),
        listener: Callable[[Event], None] = ignore,
        epsilon: float | None = None,
        delta: float | None = None,
        privacy: DifferentialPrivacy | None = None,
        device: str = "cpu",
    ) -> None:
        self.generator = generator
        self.params = params
        self.target = target
        self.positive = positive
        self.time_budget = time_budget
        self.seed = seed
        self.columns = columns
        self.k_floor = k_floor
        self.constraints = constraints
        self.listener = listener
        self.epsilon = epsilon
        self.delta = delta
        self.privacy = privacy
        self.device = device

    @property
    def spec(self) -> RunSpec:
        """The specification these settings amount to."""
        return checked(
            RunSpec,
            generator=self.generator,
            params=dict(self.params or {}),
            target=self.target,
            positive=self.positive,
            columns=dict(self.columns or {}),
            k_floor=self.k_floor,
            constraints=tuple(self.constraints),
            holdout_share=0.0,
            time_budget=self.time_budget,
            seed=self.seed,
            privacy=self.privacy or private(self.epsilon, self.delta),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What cannot be modelled or comes back changed, a line each, as `fit` tells its listener; no cell value.

        A loaded model knows what its schema says, not what was counted in the rows.
        """
        self._must_be_fitted()
        if self.prepared_ is not None:
            return pipeline.cautions(self.prepared_, self.spec)
        told: tuple[str, ...] = catalog.modality("tabular").call("cautions_of_schema", self.schema_)
        return told

    def fit(self, data: pd.DataFrame | str | Path, predicates: Sequence[RowTest] = ()) -> Self:
        """Learn from a data frame or a file. Raises SynthgenError where nothing can be modelled; see `warnings`.

        Every one of the `predicates` must hold for the data, and every sample keeps them; `save` does not store them.
        """
        spec, ctx = self.spec, self._context()
        modality, source = catalog.modality(spec.modality), self._source(data)
        self.labels_ = data.columns if isinstance(data, pd.DataFrame) else source.data.columns
        self.names_ = list(source.data.columns)
        self.prepared_: Prepared | None = pipeline.prepare(source, spec, ctx)
        self.schema_ = self.prepared_.schema
        self.rows_ = len(source.data)
        self.predicates_ = tuple(predicates)
        modality.call("check_predicates", self.predicates_, self.prepared_.split.train, self.schema_)
        self.model_: Model = pipeline.fit(self.prepared_, spec, ctx)
        return self

    def sample(
        self,
        rows: int | None = None,
        where: Mapping[str, Wish] | None = None,
        balance: Sequence[str] = (),
        targets: Sequence[GroupTarget] = (),
        seed: int = 0,
        resample: str | None = None,
        within: str | None = None,
        predicates: Sequence[RowTest] = (),
        drop: Sequence[str] = (),
    ) -> pd.DataFrame:
        """A synthetic table with the source's dtypes and column order.

        `where` fixes columns: to a value, None for missing, a Range or OneOf. `balance` gives the values of its columns
        equal shares, `within` inside every value of another column. Each of the `predicates` takes a frame of the
        modelled columns and gives one boolean a row; rows it does not keep are drawn again. `drop`: so are
        "near_copies" of training rows and "outliers". Raises SpecError for what cannot be met.
        """
        modality = catalog.modality("tabular")
        request = self._request(rows, where, balance, targets, seed, resample, within, drop)
        chunks = list(self._chunks(request, predicates))
        return self._labelled(modality.call("presented", pd.concat(chunks, ignore_index=True), self.schema_))

    def write(
        self,
        path: str | Path,
        rows: int | None = None,
        where: Mapping[str, Wish] | None = None,
        balance: Sequence[str] = (),
        targets: Sequence[GroupTarget] = (),
        seed: int = 0,
        resample: str | None = None,
        within: str | None = None,
        predicates: Sequence[RowTest] = (),
        drop: Sequence[str] = (),
    ) -> int:
        """Stream a synthetic table to a .csv or .parquet file at constant memory; returns the rows written."""
        request = self._request(rows, where, balance, targets, seed, resample, within, drop)
        self._must_be_fitted()
        modality = catalog.modality("tabular")
        with tempfile.TemporaryDirectory() as scratch:
            name = self.model_.generator.name
            synthetic = modality.call(
                "write", self._chunks(request, predicates), self.schema_, Path(scratch), request, name
            )
            modality.call("export_file", synthetic, self.schema_, Path(path))
        return int(synthetic.rows)

    def score(self, holdout: pd.DataFrame | str | Path, synthetic: pd.DataFrame | None = None) -> Scorecard:
        """The scorecard of a synthetic table (drawn afresh if none is given) beside a hold-out that `fit` never saw."""
        self._must_be_fitted()
        if self.prepared_ is None:
            raise SpecError(
                "A loaded model has no training data to be compared with.",
                "Load it with the table that it was fitted on, or use score_files(real, synthetic, holdout).",
            )
        prepared, unjudged, notes = with_holdout(self.prepared_, holdout)
        frame = raw(self.sample(len(prepared.split.holdout)) if synthetic is None else synthetic, "synthetic table")
        card = score_frames(prepared, frame, self.spec, self._context(), self.model_, unjudged)
        return card.model_copy(update={"notes": (*card.notes, *notes)})

    def impute(self, data: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
        """The frame with its missing cells drawn from the model given what each row holds.

        Observed cells, dtypes, index, columns and their order, ids and person keys stay as they are; columns that are
        not modelled keep their gaps. One draw: fit for showing and for models that need whole rows, but standard errors
        computed from it leave out that the cells are guesses. For those use `imputations` and pool (Rubin 1987).
        The rows are the caller's own, so the k-floor plays no part here.
        """
        return self.imputations(data, 1, seed)[0]

    def imputations(self, data: pd.DataFrame, draws: int, seed: int = 0) -> list[pd.DataFrame]:
        """`draws` independent imputations of the same frame (multiple imputation)."""
        self._must_be_fitted()
        if draws < 1:
            raise SpecError(f"{draws} imputations were asked for.", "Ask for at least one.")
        plain, made = raw(data), []
        for number in range(draws):
            ctx = self._context().at(f"impute{seed}/{number}")
            whole = pipeline.impute(self.model_, self.schema_, plain, self.spec, ctx)
            made.append(whole.set_axis(data.columns, axis=1).set_axis(data.index, axis=0))
        return made

    def impute_file(self, path: str | Path, out: str | Path, seed: int = 0) -> int:
        """Write a file with its missing cells drawn to a .csv, .parquet or .xlsx file; returns its rows."""
        self._must_be_fitted()
        source = catalog.modality("tabular").call("read", Path(path))
        ctx = self._context().at(f"impute{seed}/0")
        return pipeline.impute_file(self.model_, self.schema_, source, Path(out), self.spec, ctx)

    def save(self, directory: str | Path) -> None:
        """Write the model (safetensors and JSON, never a pickle); it holds no record.

        Raises SpecError for a generator whose model is the training rows themselves (smote_nc).
        """
        self._must_be_fitted()
        self.must_be_savable()
        pipeline.save_model(self.model_, self.schema_, self.spec, self.rows_, Path(directory))

    def must_be_savable(self) -> None:
        """Raise SpecError, before or after `fit`, if the generator's model would hold records."""
        if catalog.holds_records(self.spec):
            raise SpecError(
                f"A model of {self.generator!r} is the training rows themselves and is not saved.",
                "Sample from it where it was fitted, or choose another generator.",
            )

    @classmethod
    def load(cls, directory: str | Path, device: str = "cpu", source: pd.DataFrame | str | Path | None = None) -> Self:
        """A fitted synthesizer from `save`, to draw on `device`. Raises InputError if the directory holds no model.

        With the `source` that it was fitted on, anything may be asked of it as before saving: people are counted in
        those rows. Raises SpecError for another table.
        """
        model, schema, spec, rows = pipeline.load_model(Path(directory), device)
        loaded = cls(
            spec.generator,
            spec.params,
            spec.target,
            spec.positive,
            spec.time_budget,
            spec.seed,
            spec.columns,
            spec.k_floor,
            spec.constraints,
            privacy=spec.privacy,
            device=device,
        )
        loaded.predicates_ = ()
        loaded.prepared_, loaded.schema_, loaded.rows_, loaded.model_ = None, schema, rows, model
        if source is not None:
            loaded._attach(source)
        return loaded

    def _attach(self, data: pd.DataFrame | str | Path) -> None:
        """Count people in the rows of `data` from now on, which must be what the model was fitted on."""
        found = pipeline.prepare(self._source(data), self.spec, self._context())
        told = [
            f"its {what} {came}, and not {expected}"
            for what, came, expected in (
                ("columns are", _kinds(found.schema), _kinds(self.schema_)),
                ("rows number", len(found.source.data), self.rows_),
            )
            if came != expected
        ]
        if told:
            raise SpecError(
                f"This is not the table that the model was fitted on: {'; '.join(told)}.",
                "Give the file that 'fit' was given, as it was then.",
            )
        self.prepared_, self.schema_ = found, found.schema

    def _request(
        self,
        rows: int | None,
        where: Mapping[str, Wish] | None,
        balance: Sequence[str],
        targets: Sequence[GroupTarget],
        seed: int,
        resample: str | None,
        within: str | None,
        drop: Sequence[str],
    ) -> SampleSpec:
        dial = {"resample": resample} if resample else {}
        return checked(
            SampleSpec,
            rows=rows,
            mix="balanced" if balance else "data",
            balance=tuple(balance),
            balance_within=within,
            fixed=dict(where or {}),
            targets=tuple(targets),
            drop=tuple(drop),
            seed=seed,
            **dial,
        )

    def _labelled(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with the column labels of the frame that was fitted, which may be numbers, None or repeated."""
        if hasattr(self, "labels_") and list(self.labels_) != self.names_:
            frame.columns = self.labels_.take([self.names_.index(name) for name in frame.columns])
        return frame

    def _must_be_fitted(self) -> None:
        if not hasattr(self, "model_"):
            raise SpecError("This synthesizer has not been fitted.", "Call fit first, or load a saved model.")

    def _chunks(self, request: SampleSpec, predicates: Sequence[RowTest]) -> Iterator[pd.DataFrame]:
        self._must_be_fitted()
        catalog.check_able(self.spec.model_copy(update={"generator": self.model_.generator.name}), request)
        if self.prepared_ is not None and self.spec.privacy is None:
            pipeline.check_request(self.prepared_, request, self.spec)
        else:
            pipeline.check_without_source(self.model_, request, self.spec)
        rows = pipeline.request_rows(request, self.rows_)
        every, ctx = [*self.predicates_, *predicates], self._context()
        for caution in pipeline.cautions_of_balance(self.model_, self.schema_, request, self.spec, self.prepared_):
            ctx.warn(caution)
        sieve = None
        if request.drop:
            sieve = pipeline.sieve_for(self._with_data("to see what is near them"), request, self.spec, ctx)
        return pipeline.draw(self.model_, self.schema_, request, rows, self.spec, ctx, every, sieve=sieve)

    def _source(self, data: pd.DataFrame | str | Path) -> Any:
        """A frame or a file as what the pipeline reads."""
        must_be_table(data)
        modality = catalog.modality("tabular")
        if isinstance(data, pd.DataFrame):
            return modality.call("from_memory", data)
        return modality.call("read", Path(data))

    def _with_data(self, what: str) -> Prepared:
        """What the model was fitted on. Raises SpecError for a loaded model, which has none."""
        if self.prepared_ is None:
            raise SpecError(
                f"A loaded model has no training data {what}.", "Load it with the table that it was fitted on."
            )
        return self.prepared_

    def _context(self) -> RunContext:
        devices.must_be_there(self.device)
        return RunContext(seed=self.seed, device=self.device, listener=self.listener)


def _kinds(schema: Any) -> str:
    return ", ".join(f"{column.name} ({column.kind})" for column in schema.columns)
