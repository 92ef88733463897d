"""Drawing codes from the autoregressive network, freely or with columns fixed per row; choosing by the critic."""

from __future__ import annotations

import numpy as np
import torch

from synthgen.tabular.factor_steps import Steps
from synthgen.tabular.networks import AutoregressiveNetwork

BLOCK = 4096  # rows, at most, that share one random order of the columns


@torch.inference_mode()
def draw(
    network: AutoregressiveNetwork,
    given: np.ndarray,
    rng: np.random.Generator,
    steps: Steps | None = None,
    block: int = BLOCK,
) -> np.ndarray:
    """Codes (rows, columns) with `given` kept where it is not -1; every free column sees all given ones.

    Fixed columns stand first in every order, so each row is an exact draw from q(free | fixed). Blocks of at most
    `block` rows use different random orders. `steps`, where given, are those of the network as it is now.
    """
    network.eval()
    steps = steps or Steps(network)
    rows = network.layout.rows_at_once(min(block, BLOCK))
    blocks = [given[i : i + rows] for i in range(0, len(given), rows)]
    return np.concatenate([_draw_block(steps, block, rng) for block in blocks]) if blocks else given.copy()


@torch.no_grad()
def factor(network: AutoregressiveNetwork, column: int, codes: np.ndarray) -> np.ndarray:
    """q(column | the levels that codes (rows, columns) hold; -1: unknown) as (rows, levels) probabilities."""
    network.eval()
    table = network.embedding.table()
    levels = torch.from_numpy(codes).to(table.device)
    places = torch.where(levels >= 0, levels + network.embedding.offsets, 0)
    context = torch.zeros(len(codes), table.shape[1], device=table.device)
    for known in torch.nonzero((levels >= 0).any(0)).flatten().tolist():
        context += table[places[:, known]] * (levels[:, known] >= 0)[:, None]
    out: np.ndarray = torch.softmax(network.logits_of(column, context).float(), -1).cpu().numpy().astype(float)
    return out


def _draw_block(steps: Steps, given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One block. While rows share contexts, factors are worked out once for each of them."""
    known = (given >= 0).T
    codes = torch.from_numpy(given).to(steps.table.device).t().contiguous()
    uniform = torch.from_numpy(rng.random(codes.shape, dtype=np.float32)).to(codes.device)
    order = [c for c in rng.permutation(len(codes)).tolist() if not known[c].all()]
    if known.any():
        context, done = _given_context(steps, codes, known), 0
    else:
        context, done = _draw_shared(steps, codes, order, uniform)
    free = torch.from_numpy(~known).to(codes.device) if known[order].any() else None
    for column in order[done:]:
        drawn = _pick(steps.cumulative(column, context), uniform[column])
        step = steps.table.index_select(0, drawn + steps.starts[column])
        if free is not None:
            drawn = torch.where(free[column], drawn, codes[column])
            step *= free[column, :, None]
        codes[column] = drawn
        context += step
    return codes.t().cpu().numpy()


def _draw_shared(
    steps: Steps, codes: torch.Tensor, order: list[int], uniform: torch.Tensor
) -> tuple[torch.Tensor, int]:
    """Fill the first columns of `order`, each factor worked out once for every context that occurs among the rows.

    Goes on while two rows share a context on average; the contexts of all rows, and how many columns are done.
    """
    context, which = steps.table.new_zeros(1, steps.table.shape[1]), codes.new_zeros(codes.shape[1])
    for done, column in enumerate(order):
        if 2 * len(context) > len(which):
            return context.index_select(0, which), done
        codes[column] = _pick(steps.cumulative(column, context).index_select(0, which), uniform[column])
        size = steps.sizes[column]
        places, which = torch.unique(which * size + codes[column], return_inverse=True)
        context = context[places // size] + steps.table[steps.starts[column] + places % size]
    return context.index_select(0, which), len(order)


def _given_context(steps: Steps, codes: torch.Tensor, known: np.ndarray) -> torch.Tensor:
    """The context of each row from its fixed codes."""
    context = steps.table.new_zeros(codes.shape[1], steps.table.shape[1])
    for column in np.flatnonzero(known.any(1)).tolist():
        rows = torch.from_numpy(np.flatnonzero(known[column])).to(codes.device)
        context[rows] += steps.table[codes[column, rows] + steps.starts[column]]
    return context


def _pick(reach: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """One level per row by the inverse of the cumulative distribution; `reach` (rows, levels) need not end at one."""
    wanted = uniform[:, None] * reach[:, -1:]
    return torch.searchsorted(reach, wanted).squeeze(1).clamp_max_(reach.shape[1] - 1)


def choose(scores: np.ndarray, condition: np.ndarray, keep: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Importance resampling: of every condition's candidates keep one in `keep`, with weights exp(score).

    `scores` (candidates,) are clipped critic logits, `condition` (candidates,) numbers the conditions. Drawn without
    replacement within each condition (Gumbel top-k, Efraimidis and Spirakis 2006), so no condition gains or loses rows.
    Returns the chosen indices, in order, and the effective share of the candidates, `(sum w)^2 / (n sum w^2)`.
    """
    keys = scores + rng.gumbel(size=len(scores))
    order = np.lexsort((-keys, condition))
    sorted_condition = condition[order]
    first = np.flatnonzero(np.append(True, sorted_condition[1:] != sorted_condition[:-1]))
    sizes = np.diff(np.append(first, len(order)))
    rank = np.arange(len(order)) - np.repeat(first, sizes)
    chosen = np.sort(order[rank < np.repeat(sizes // keep, sizes)])
    weights = np.exp(scores - scores.max())
    return chosen, float(weights.sum() ** 2 / (len(weights) * (weights**2).sum()))
