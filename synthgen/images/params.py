"""What a user may set on the image generator: frozen, few, documented. Imports nothing heavy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthgen.spec import Spec


class ConditionalGanParams(Spec):
    """The conditional GAN for images. The defaults are meant for a few hundred images up; start with `emphasis`."""

    emphasis: float = Field(
        1.0, ge=0, le=1000, description="The dial: 0 trains for the mean image, large values for the worst group."
    )
    reducer: Literal["mean", "log_sum_exp", "cvar", "top_k", "literal"] = Field(
        "log_sum_exp",
        description="How the excess of clusters, and of classes unless they are drawn equally often, becomes weights. "
        "'literal' is the smooth maximum over the images of a batch and there for comparison only.",
    )
    sampling: Literal["balanced", "frequency"] = Field(
        "balanced", description="Training sees every class equally often, or as often as it is in the data."
    )
    weight_cap: float = Field(2.5, ge=1, le=100, description="No class or cluster counts more than this many times.")
    time_budget: int = Field(180, ge=5, description="Seconds of training to plan for, by a fixed cost model.")
    steps: int = Field(0, ge=0, description="Steps of critic and generator; 0: by image size and time budget.")
    warm_steps: int = Field(-1, ge=-1, description="Steps of the warm start; -1: a share of the time budget.")
    width: int = Field(16, ge=4, le=256, description="Channels at full resolution; coarser ones have more.")
    noise: int = Field(96, ge=2, le=1024, description="Random numbers an image is made from.")
    batch: int = Field(32, ge=4, le=1024, description="Images per step.")
    learning_rate: float = Field(4e-4, gt=0, le=1)
    critic_rate: float = Field(2.5e-3, gt=0, le=1, description="Learning rate of the critic.")
    r1: float = Field(3.0, ge=0, le=1000, description="Times the usual weight of the gradient penalty on real images.")
    augmentation: float = Field(
        0.2, ge=0, le=0.8, description="Chance that the critic sees an image changed in colour, place or part."
    )
