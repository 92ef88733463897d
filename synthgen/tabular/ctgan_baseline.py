"""Stock CTGAN and TVAE (Xu et al. 2019, arXiv 1907.00503) behind our protocol, for comparison; the one file that
imports ctgan.

ctgan is under the Business Source Licence: free to use inside an organisation, not for a commercial synthetic-data
service. The models are trained as they come. What sampling needs is taken out of them as named tensors and JSON, so
that no pickle is written.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch

from synthgen.contracts import FitData, Group
from synthgen.errors import SpecError
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec
from synthgen.tabular import plain
from synthgen.tabular.coded import Coded
from synthgen.tabular.params import CtganParams, TvaeParams
from synthgen.training.checkpoint import State

CHUNK, NOISE, SPREAD = 8192, 128, 4.0


class StockModel(Coded):
    """What both stock models share: no conditions, numbers as a mixture's component and a place inside it."""

    capabilities: ClassVar[frozenset[str]] = frozenset({"follow"})
    format: ClassVar[int] = 3
    spans: list[dict[str, Any]]
    conditions: list[float]
    network: Any

    def __init__(self, params: CtganParams | TvaeParams) -> None:
        self.params = params

    def fit(self, data: FitData, schema: Any, groups: Sequence[Group], ctx: RunContext) -> Self:
        """Train on the training rows; validation and groups play no part."""
        ctx.check_stop()
        self._encode(data, schema, 100)
        frame, discrete = plain.opened(data.train, self.encoding)
        model = self._model(len(frame), ctx)
        model.set_random_state(ctx.seed_for(self.name) % 2**32)
        model.fit(frame, discrete)
        self._take(model)
        return self

    def sample(self, spec: SampleSpec, rows: int, ctx: RunContext) -> Iterator[pd.DataFrame]:
        """Typed chunks. Raises SpecError for conditions and balance, which the stock models cannot honour."""
        refuse_wishes(spec, self.name)
        rng = ctx.rng(f"sample/{spec.seed}")
        for start in range(0, rows, CHUNK):
            ctx.check_stop()
            yield plain.closed(self._cells(min(CHUNK, rows - start), rng), self.encoding, rng)

    def report(self) -> Mapping[str, Any]:
        """Epochs; the stock models keep no validation curve."""
        stopped = "all planned steps done"
        return {"stages": [{"stage": self.name, "epochs": self.params.epochs, "stopped": stopped}]}

    def _state(self) -> State:
        return State(dict(self.network.state_dict()), {"spans": self.spans, "conditions": self.conditions})

    def _restore(self, state: State, device: str) -> None:
        self.spans, self.conditions = state.facts["spans"], state.facts["conditions"]
        self.network = self._empty(sum(1 + len(s["means"]) if s["means"] else len(s["values"]) for s in self.spans))
        self.network.load_state_dict(dict(state.tensors))
        self.network.eval()

    @abstractmethod
    def _model(self, rows: int, ctx: RunContext) -> Any:
        """The stock model, which looks at the stop signal as it trains."""

    @abstractmethod
    def _take(self, model: Any) -> None:
        """Keep what sampling needs: `spans`, `conditions` and `network`."""

    @abstractmethod
    def _empty(self, width: int) -> Any:
        """A network of the right shape for weights that were saved."""

    @abstractmethod
    def _outputs(self, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The network's outputs (rows, width) and, beside each, the place inside a component it would stand for."""

    @abstractmethod
    def _loudest(self, logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Which level of a span each row takes."""

    def _cells(self, rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        (out, places), at, cells = self._outputs(rows, rng), 0, {}
        for span in self.spans:
            levels = len(span["means"]) or len(span["values"])
            first = at + bool(span["means"])
            pick = self._loudest(out[:, first : first + levels], rng)
            if span["means"]:
                place = places[:, at] * SPREAD * np.asarray(span["spreads"])[pick]
                cells[span["column"]] = place + np.asarray(span["means"])[pick]
            else:
                cells[span["column"]] = np.asarray(span["values"])[pick]
            at = first + levels
        return cells


class CtganBaseline(StockModel):
    """Stock CTGAN 0.12: no conditions (it lights the wrong category for all discrete columns but the first)."""

    name: ClassVar[str] = "ctgan"
    params_class: ClassVar[type[CtganParams]] = CtganParams

    def __init__(self, params: CtganParams = CtganParams()) -> None:
        super().__init__(params)

    def _model(self, rows: int, ctx: RunContext) -> Any:
        """The stock class, which looks at the stop signal and reports progress when it makes fakes: twice a step."""
        from ctgan import CTGAN

        batch = max(self.params.batch // 10 * 10, 10)
        look = _watch(ctx, self.name, 2 * self.params.epochs * max(rows // batch, 1))

        class Stoppable(CTGAN):  # type: ignore[misc]
            def _apply_activate(self, data: torch.Tensor) -> torch.Tensor:
                look()
                return super()._apply_activate(data)

        return Stoppable(epochs=self.params.epochs, batch_size=batch, enable_gpu=False)

    def _take(self, model: Any) -> None:
        self.spans, self.conditions = _spans(model._transformer), _conditions(model._data_sampler)
        self.network = model._generator.eval()

    def _empty(self, width: int) -> Any:
        from ctgan.synthesizers.ctgan import Generator

        return Generator(NOISE + len(self.conditions), (256, 256), width)

    @torch.no_grad()
    def _outputs(self, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Noise and a condition drawn by the data's frequencies in."""
        noise = rng.standard_normal((rows, NOISE + len(self.conditions)), dtype=np.float32)
        noise[:, NOISE:] = 0
        if self.conditions:
            lit = rng.choice(len(self.conditions), rows, p=np.asarray(self.conditions) / sum(self.conditions))
            noise[np.arange(rows), NOISE + lit] = 1
        out = self.network(torch.from_numpy(noise)).numpy()
        return out, np.tanh(out)

    def _loudest(self, logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """By Gumbel noise, as the stock model's softmax layer does."""
        return (logits + rng.gumbel(size=logits.shape)).argmax(1)


class TvaeBaseline(StockModel):
    """Stock TVAE: a variational autoencoder over the same spans as CTGAN's."""

    name: ClassVar[str] = "tvae"
    params_class: ClassVar[type[TvaeParams]] = TvaeParams

    def __init__(self, params: TvaeParams = TvaeParams()) -> None:
        super().__init__(params)

    def _model(self, rows: int, ctx: RunContext) -> Any:
        """The stock class, which looks at the stop signal whenever its decoder is called: once a step."""
        from ctgan import TVAE

        look = _watch(ctx, self.name, self.params.epochs * -(-rows // self.params.batch))

        class Stoppable(TVAE):  # type: ignore[misc]
            def __setattr__(self, name: str, value: Any) -> None:
                if name == "decoder":
                    value.register_forward_pre_hook(lambda *_: look())
                super().__setattr__(name, value)

        return Stoppable(epochs=self.params.epochs, batch_size=self.params.batch, enable_gpu=False)

    def _take(self, model: Any) -> None:
        self.spans, self.conditions = _spans(model.transformer), []
        self.network = self._empty(model.transformer.output_dimensions)
        self.network.load_state_dict(model.decoder.state_dict())
        self.network.eval()

    def _empty(self, width: int) -> Any:
        from ctgan.synthesizers.tvae import Decoder

        return Decoder(NOISE, (128, 128), width)

    @torch.no_grad()
    def _outputs(self, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Noise in; the place is drawn around the decoder's mean with its learnt spread."""
        out, spread = self.network(torch.from_numpy(rng.standard_normal((rows, NOISE), dtype=np.float32)))
        places = np.tanh(out.numpy()) + spread.numpy() * rng.standard_normal(out.shape)
        return out.numpy(), np.clip(places, -1, 1)

    def _loudest(self, logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The likeliest level: the stock model draws none."""
        return logits.argmax(1)


def refuse_wishes(spec: SampleSpec, name: str) -> None:
    """Raise SpecError for conditions and balance, which a generator without them cannot honour."""
    if spec.fixed or spec.targets or spec.balance or spec.mix != "data":
        raise SpecError(
            f"Generator {name!r} cannot honour conditions or balance.", "Use the autoregressive GAN for them."
        )


def _watch(ctx: RunContext, stage: str, calls: int) -> Any:
    """A function that looks at the stop signal on every call and tells every 40th how far training is."""
    seen = iter(range(1, 2**62))

    def look() -> None:
        ctx.check_stop()
        if (call := next(seen)) % 40 == 0:
            ctx.progress(stage, min(call, calls), calls)

    return look


def _spans(transformer: Any) -> list[dict[str, Any]]:
    """What the outputs mean: for a number the means and spreads of its components, for a discrete column its values."""
    spans = []
    for info in transformer._column_transform_info_list:
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


def _conditions(sampler: Any) -> list[float]:
    """How often each entry of the condition is lit when sampling, as the stock sampler weighs it."""
    if sampler._n_discrete_columns == 0:
        return []
    shares = sampler._discrete_column_category_prob.flatten()
    return [float(s) for s in shares[shares != 0]]
