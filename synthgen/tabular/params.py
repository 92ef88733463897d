"""What a user may set on each table generator: frozen, few, documented. Imports nothing heavy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthgen.spec import Spec


class AutoregressiveParams(Spec):
    """The autoregressive conditional GAN. The defaults are meant for 300 to 100,000 rows; start with `emphasis`."""

    emphasis: float = Field(
        1.0, ge=0, le=1000, description="The dial: 0 trains for the mean record, large values for the worst group."
    )
    reducer: Literal["mean", "log_sum_exp", "cvar", "top_k", "literal"] = Field(
        "log_sum_exp",
        description="How group excess becomes weights. 'literal' weights single rows, distorts frequencies, and is "
        "there for comparison only.",
    )
    weight_cap: float = Field(8.0, ge=1, le=100, description="No record is drawn more than this many times as often.")
    time_budget: int = Field(180, ge=5, description="Seconds of training to plan for, by a fixed cost model.")
    epochs: int = Field(0, ge=0, description="Most passes over the training rows; 0: by the size of the table.")
    bins: int = Field(100, ge=4, le=1000, description="Most quantile bins of a number or date.")
    hidden: int = Field(128, ge=8, le=1024, description="Width of the generator's networks.")
    batch: int = Field(0, ge=0, description="Rows per step; 0: by the size of the table.")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="Below 2,000 people less, down to a quarter.")
    dropout: float = Field(
        0.25,
        ge=0,
        lt=1,
        description="Share of a factor's hidden units dropped while training; below 100,000 people more, up to half.",
    )
    critic_epochs: int = Field(
        4, ge=1, le=100, description="Passes of each critic per round over its half of the rows."
    )
    critic_rounds: int = Field(
        3, ge=1, le=100, description="How often the critics are trained and the weights renewed."
    )


class CriticGanParams(Spec):
    """The critic-only conditional GAN: CTGAN-like networks, worst case over groups; start with `emphasis`."""

    emphasis: float = Field(
        4.0,
        ge=0,
        le=1000,
        description="The dial: 0 draws every group as often as it is, 4 gives groups that are fitted alike the same "
        "mass, large values give the worst group all.",
    )
    reducer: Literal["mean", "log_sum_exp", "cvar", "top_k", "literal"] = Field(
        "log_sum_exp",
        description="How group excess becomes weights. 'mean' trains at data frequency; 'literal' is the smooth "
        "maximum over the rows of a batch and there for comparison only.",
    )
    weight_cap: float = Field(20.0, ge=1, le=1000, description="No record is drawn more than this many times as often.")
    time_budget: int = Field(180, ge=5, description="Seconds of training to plan for, by a fixed cost model.")
    steps: int = Field(0, ge=0, description="Steps of critic and generator; 0: by table and time budget.")
    bins: int = Field(100, ge=4, le=1000, description="Most quantile bins of a number or date.")
    hidden: int = Field(64, ge=8, le=1024, description="Width of the networks.")
    blocks: int = Field(1, ge=1, le=8, description="Residual blocks of the generator.")
    noise: int = Field(64, ge=1, le=1024, description="Random numbers a record is made from.")
    batch: int = Field(256, ge=8, description="Rows per step.")
    pac: int = Field(1, ge=1, le=32, description="Records the critic looks at together (PacGAN).")
    learning_rate: float = Field(1e-3, gt=0, le=1)
    critic_rate: float = Field(2e-3, gt=0, le=1, description="Learning rate of the critic.")
    r1: float = Field(0.02, ge=0, le=1000, description="Weight of the gradient penalty on real records.")
    fakes_per_condition: int = Field(
        1,
        ge=1,
        le=16,
        description="Records made per condition in the generator's step; the worst-scored one is dropped.",
    )
    critic_epochs: int = Field(2, ge=1, le=100, description="Passes of the critics that are scored by, per round.")
    critic_rounds: int = Field(3, ge=1, le=100, description="How often the weights are renewed.")


class CtganParams(Spec):
    """Stock CTGAN 0.12, for comparison."""

    epochs: int = Field(300, ge=1, le=10_000)
    batch: int = Field(500, ge=20, le=100_000, description="Rows per step, a multiple of 10.")


class TvaeParams(Spec):
    """Stock TVAE of ctgan 0.12, for comparison."""

    epochs: int = Field(300, ge=1, le=10_000)
    batch: int = Field(500, ge=2, le=100_000, description="Rows per step.")


class GaussianCopulaParams(Spec):
    """A Gaussian copula: quick, simple, for comparison and for tables on which nothing larger can be trained."""

    bins: int = Field(100, ge=4, le=1000, description="Most quantile bins of a number or date.")


class SmoteParams(Spec):
    """SMOTE-NC, for comparison only: it copies real people."""

    neighbors: int = Field(5, ge=1, le=100, description="Neighbours of the same class to lie between.")


class IndependentParams(Spec):
    """Independent columns, for comparison."""

    bins: int = Field(100, ge=4, le=1000, description="Most quantile bins of a number or date.")
