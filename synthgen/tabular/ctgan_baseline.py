"""Stock CTGAN (Xu et al. 2019, arXiv 1907.00503) behind our protocol, for comparison; the only file that imports ctgan.

ctgan is under the Business Source Licence: free to use inside an organisation, not for a commercial synthetic-data
service. It is trained as it comes. Around it: rare categories are merged and numbers kept between the k-th extremes as
for every generator, missing numbers become a column of their own, and what sampling needs is taken out of the fitted
model as named tensors and JSON, so that no pickle is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch

from synthgen.contracts import FitData, Group
from synthgen.errors import InputError, SpecError
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec
from synthgen.tabular import encoding
from synthgen.tabular.category_codes import CategoryCodes
from synthgen.tabular.encoding import Encoding
from synthgen.tabular.number_codes import NumberCodes
from synthgen.tabular.params import CtganParams
from synthgen.training import checkpoint

FORMAT, CHUNK, NOISE, SPREAD = 1, 8192, 128, 4.0
FILLED = "\x1ffilled"  # suffix of the column that tells where a number is missing


class CtganBaseline:
    """Stock CTGAN 0.12: no conditions (it lights the wrong category for all discrete columns but the first)."""

    name: ClassVar[str] = "ctgan"
    capabilities: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, params: CtganParams = CtganParams()) -> None:
        self.params = params

    @classmethod
    def parameters(cls) -> type[CtganParams]:
        """The params class."""
        return CtganParams

    def fit(self, data: FitData, schema: Any, groups: Sequence[Group], ctx: RunContext) -> Self:
        """Train on the training rows; validation and groups play no part."""
        ctx.check_stop()
        self.encoding = encoding.fit(data.train, schema.modelled, data.train_people, schema.k_floor, 100)
        plain, discrete = _plain(data.train, self.encoding)
        batch = max(self.params.batch // 10 * 10, 10)
        steps = self.params.epochs * max(len(plain) // batch, 1)
        model = _stoppable(ctx, steps)(epochs=self.params.epochs, batch_size=batch, enable_gpu=False)
        model.set_random_state(ctx.seed_for("ctgan") % 2**32)
        model.fit(plain, discrete)
        self.spans, self.conditions = _take_spans(model), _take_conditions(model)
        self.generator = model._generator.eval()
        return self

    def sample(self, spec: SampleSpec, rows: int, ctx: RunContext) -> Iterator[pd.DataFrame]:
        """Typed chunks. Raises SpecError for conditions and balance, which stock CTGAN cannot honour."""
        if spec.fixed or spec.targets or spec.balance or spec.mix != "data":
            raise SpecError("Stock CTGAN cannot honour conditions or balance.", "Use the autoregressive GAN for them.")
        rng = ctx.rng(f"sample/{spec.seed}")
        for start in range(0, rows, CHUNK):
            ctx.check_stop()
            yield self._draw(min(CHUNK, rows - start), rng)

    def report(self) -> Mapping[str, Any]:
        """Epochs; stock CTGAN keeps no validation curve."""
        stopped = "all planned steps done"
        return {"stages": [{"stage": "ctgan", "epochs": self.params.epochs, "stopped": stopped}]}

    def save(self, directory: Path) -> None:
        """Write the generator's weights, spans and encoding to `directory`."""
        facts = {
            "format": FORMAT,
            "generator": self.name,
            "params": self.params.model_dump(mode="json"),
            "encoding": self.encoding.model_dump(mode="json"),
            "spans": self.spans,
            "conditions": self.conditions,
        }
        checkpoint.write(checkpoint.State(dict(self.generator.state_dict()), facts), Path(directory))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """The generator that `save` wrote. Raises InputError when there is none or it is damaged."""
        state = checkpoint.read(Path(directory))
        if state is None or state.facts.get("generator") != cls.name or state.facts.get("format") != FORMAT:
            raise InputError("The folder holds no model of this generator and format.", "Fit one first.")
        from ctgan.synthesizers.ctgan import Generator

        made = cls(CtganParams(**state.facts["params"]))
        made.encoding = Encoding.model_validate(state.facts["encoding"])
        made.spans, made.conditions = state.facts["spans"], state.facts["conditions"]
        width = sum(1 + len(s["means"]) if s["means"] else len(s["values"]) for s in made.spans)
        made.generator = Generator(NOISE + len(made.conditions), (256, 256), width)
        made.generator.load_state_dict(dict(state.tensors))
        made.generator.eval()
        return made

    @torch.no_grad()
    def _draw(self, rows: int, rng: np.random.Generator) -> pd.DataFrame:
        """Noise and a condition drawn by the data's frequencies in, the loudest level of every span out."""
        noise = rng.standard_normal((rows, NOISE + len(self.conditions)), dtype=np.float32)
        noise[:, NOISE:] = 0
        if self.conditions:
            lit = rng.choice(len(self.conditions), rows, p=np.asarray(self.conditions) / sum(self.conditions))
            noise[np.arange(rows), NOISE + lit] = 1
        out, at, cells = self.generator(torch.from_numpy(noise)).numpy(), 0, {}
        for span in self.spans:
            levels = len(span["means"]) or len(span["values"])
            first = at + bool(span["means"])
            logits = out[:, first : first + levels] + rng.gumbel(size=(rows, levels))
            pick = logits.argmax(1)
            if span["means"]:
                place = np.tanh(out[:, at]) * SPREAD * np.asarray(span["spreads"])[pick]
                cells[span["column"]] = place + np.asarray(span["means"])[pick]
            else:
                cells[span["column"]] = np.asarray(span["values"])[pick]
            at = first + levels
        return self._typed(cells, rng)

    def _typed(self, cells: Mapping[str, np.ndarray], rng: np.random.Generator) -> pd.DataFrame:
        out: dict[str, Any] = {}
        for column in self.encoding.columns:
            cell = cells[column.name]
            if isinstance(column, CategoryCodes):
                out[column.name] = pd.Series(column.decode(cell.astype(np.int64), rng), dtype=object)
                continue
            there = cells.get(column.name + FILLED, np.ones(len(cell))).astype(bool)
            low, high = column.range
            grid = np.clip(np.rint(cell), low, high).astype(np.int64) if column.ordered else np.zeros(len(cell), int)
            out[column.name] = column.grid.cells(grid, there & bool(column.ordered))
        return pd.DataFrame(out)


def _plain(frame: pd.DataFrame, table: Encoding) -> tuple[pd.DataFrame, list[str]]:
    """Numbers as grid positions without gaps, categories as codes, and one more discrete column where numbers miss."""
    out: dict[str, np.ndarray] = {}
    discrete = []
    for column in table.columns:
        if isinstance(column, NumberCodes):
            grid, filled = column.grid.positions(frame[column.name])
            out[column.name] = np.where(filled, grid, np.median(grid[filled]) if filled.any() else 0).astype(float)
            if column.missing:
                out[column.name + FILLED] = filled.astype(int)
                discrete.append(column.name + FILLED)
        else:
            out[column.name] = column.encode(frame[column.name])
            discrete.append(column.name)
    return pd.DataFrame(out), discrete


def _stoppable(ctx: RunContext, steps: int) -> Callable[..., Any]:
    """The stock class, which looks at the stop signal and reports progress whenever it makes fakes: twice a step."""
    from ctgan import CTGAN

    class Stoppable(CTGAN):  # type: ignore[misc]
        calls = 0

        def _apply_activate(self, data: torch.Tensor) -> torch.Tensor:
            ctx.check_stop()
            self.calls += 1
            if self.calls % 20 == 0:
                ctx.progress("ctgan", min(self.calls // 2, steps), steps)
            return super()._apply_activate(data)

    return Stoppable


def _take_spans(model: Any) -> list[dict[str, Any]]:
    """What the outputs mean: for a number the means and spreads of its components, for a discrete column its values."""
    spans = []
    for info in model._transformer._column_transform_info_list:
        span: dict[str, Any] = {"column": info.column_name, "means": [], "spreads": [], "values": []}
        if info.column_type == "continuous":
            kept = np.asarray(info.transform.valid_component_indicator, dtype=bool)
            mixture = info.transform._bgm_transformer
            span["means"] = [float(v) for v in mixture.means_.reshape(-1)[kept]]
            span["spreads"] = [float(v) for v in np.sqrt(mixture.covariances_).reshape(-1)[kept]]
        else:
            span["values"] = [int(v) for v in info.transform.dummies]
        spans.append(span)
    return spans


def _take_conditions(model: Any) -> list[float]:
    """How often each entry of the condition is lit when sampling, as the stock sampler weighs it."""
    sampler = model._data_sampler
    if sampler._n_discrete_columns == 0:
        return []
    shares = sampler._discrete_column_category_prob.flatten()
    return [float(s) for s in shares[shares != 0]]
