"""Drawing codes from the autoregressive network, freely or with columns fixed per row; choosing by the critic."""

from __future__ import annotations

import numpy as np
import torch

from synthgen.tabular.factor_steps import Steps
from synthgen.tabular.networks import AutoregressiveNetwork

BLOCK = 4096  # rows, at most, that share one random order of the columns


@torch.no_grad()
def draw(network: AutoregressiveNetwork, given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Codes (rows, columns) with `given` kept where it is not -1; every free column sees all given ones.

    Fixed columns stand first in every order, so each row is an exact draw from q(free | fixed). Blocks of rows use
    different random orders.
    """
    network.eval()
    steps = Steps(network)
    rows = network.layout.rows_at_once(BLOCK)
    blocks = [given[i : i + rows] for i in range(0, len(given), rows)]
    return np.concatenate([_draw_block(network, steps, block, rng) for block in blocks]) if blocks else given.copy()


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


def _draw_block(
    network: AutoregressiveNetwork, steps: Steps, given: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """One block. While few different contexts are possible, factors are worked out once for each of them."""
    known = (given >= 0).T
    codes = torch.from_numpy(given).to(steps.table.device).t().contiguous()
    context, which = _given_context(network, steps.table, codes, known)
    for column in rng.permutation(len(codes)).tolist():
        uniform = torch.from_numpy(rng.random((codes.shape[1], 1), dtype=np.float32)).to(codes.device)
        if known[column].all():
            continue
        reach = steps.cumulative(column, context)
        drawn = _pick(reach if which is None else reach[which], uniform)
        fixed = torch.from_numpy(known[column]).to(codes.device) if known[column].any() else None
        codes[column] = drawn if fixed is None else torch.where(fixed, codes[column], drawn)
        start, size = network.embedding.starts[column], network.layout.sizes[column]
        if which is not None and len(context) * size <= len(drawn) // 2:
            context = (context[:, None] + steps.table[start : start + size]).flatten(0, 1)
            which = which * size + codes[column]
            continue
        context, which = context if which is None else context[which], None
        step = steps.table.index_select(0, codes[column] + start)
        context += step if fixed is None else step * ~fixed[:, None]
    return codes.t().cpu().numpy()


def _given_context(
    network: AutoregressiveNetwork, table: torch.Tensor, codes: torch.Tensor, known: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The context of each row from its fixed codes; where there is none, one empty context that all rows point to."""
    if not known.any():
        return table.new_zeros(1, table.shape[1]), codes.new_zeros(codes.shape[1])
    context = table.new_zeros(codes.shape[1], table.shape[1])
    for column in np.flatnonzero(known.any(1)).tolist():
        rows = torch.from_numpy(np.flatnonzero(known[column])).to(codes.device)
        context[rows] += table[codes[column, rows] + network.embedding.starts[column]]
    return context, None


def _pick(reach: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """One level per row by the inverse of the cumulative distribution; `reach` (rows, levels) need not end at one."""
    return torch.searchsorted(reach, uniform * reach[:, -1:]).squeeze(1).clamp_max_(reach.shape[1] - 1)


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
