"""The autoregressive GAN as a whole, at settings that train in seconds."""

import json
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from prepared import TINY, prepared
from scenes import WARDS, hospital

from synthgen.errors import InputError, Stopped, TrainingError
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec
from synthgen.tabular.gan import AutoregressiveGAN
from synthgen.tabular.task import GanTask


@pytest.fixture(scope="module")
def scene():
    return prepared(hospital(1200), target="outcome")


@pytest.fixture(scope="module")
def fitted(scene):
    return fit(scene)


def fit(scene, params=TINY, **ctx):
    return AutoregressiveGAN(params).fit(scene.data, scene.schema, scene.groups, RunContext(seed=5, **ctx))


def sample(generator, rows=300, **spec):
    return pd.concat([*generator.sample(SampleSpec(**spec), rows, RunContext(seed=1))], ignore_index=True)


def weights(generator):
    return torch.cat([v.flatten() for _, v in sorted(generator.ends["chosen"].items())])


def stop_after(looks):
    left = iter([False] * looks)
    return lambda: next(left, True)


def test_the_same_seed_gives_the_same_weights_and_sample(scene, fitted):
    again = fit(scene)
    assert torch.equal(weights(fitted), weights(again))
    pd.testing.assert_frame_equal(sample(fitted), sample(again))


def test_another_seed_gives_another_sample(fitted):
    assert not sample(fitted).equals(sample(fitted, seed=1))


@pytest.mark.parametrize("looks", [2, 25])
def test_stopped_and_resumed_it_ends_with_the_same_weights(scene, fitted, tmp_path, looks):
    """Stopped early (in the first stage) or late (in the second), resumed in a new process's objects."""
    with pytest.raises(Stopped):
        fit(scene, checkpoints=tmp_path, stop=stop_after(looks))
    assert list(tmp_path.iterdir())
    again = fit(scene, checkpoints=tmp_path)
    assert torch.equal(weights(fitted), weights(again))
    pd.testing.assert_frame_equal(sample(fitted), sample(again))
    assert again.report() == fitted.report()


def test_save_and_load_keep_everything(fitted, tmp_path):
    fitted.save(tmp_path / "m")
    again = AutoregressiveGAN.load(tmp_path / "m")
    pd.testing.assert_frame_equal(sample(fitted), sample(again))
    assert again.report() == fitted.report()


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match="no model"):
        AutoregressiveGAN.load(tmp_path)


def test_surprise_is_exact(scene):
    """Over every possible record of a small table the probabilities sum to one, at both ends of the dial."""
    small = prepared(hospital(400)[["sex", "ward", "outcome"]])
    generator = fit(small)
    cells = pd.MultiIndex.from_product([c.values for c in generator.encoding.columns], names=generator.encoding.names)
    frame = cells.to_frame(index=False)
    codes = torch.from_numpy(generator._active_codes(frame))
    for end in ("chosen", "worst"):
        assert np.exp(-generator.surprise(frame, end)).sum() <= 1 + 1e-4
    for order in ([0, 1, 2], [2, 0, 1]):
        with torch.no_grad():
            factors = generator.network.factors(codes, order)
        assert float(torch.exp(-factors.sum(1)).sum()) == pytest.approx(1, abs=1e-4)


def test_a_row_may_fix_its_own_columns(fitted, scene):
    fixed = scene.split.validation[["age", "sodium", "ward", "smoker", "admitted"]].reset_index(drop=True)
    made = fitted.sample_given(fixed, RunContext(seed=2))
    pd.testing.assert_frame_equal(made[list(fixed.columns)], fixed)
    assert list(made.columns) == fitted.encoding.names


def test_the_report_tells_how_training_ended_and_holds_no_cell_value(fitted):
    report = fitted.report()
    text = json.dumps(report, allow_nan=False)
    assert [stage["stage"] for stage in report["stages"]] == ["worst", "mean"]
    assert all(stage["stopped"] for stage in report["stages"])
    assert 1 <= len(report["renewals"]) <= TINY.critic_rounds, "each round unless validation ends the stage before"
    assert not any(ward in text for ward in WARDS)


def test_at_the_mean_end_of_the_dial_there_is_one_stage(scene):
    generator = fit(scene, TINY.model_copy(update={"emphasis": 0.0}))
    assert [stage["stage"] for stage in generator.report()["stages"]] == ["mean"]
    frame = scene.split.validation
    assert (generator.surprise(frame) == generator.surprise(frame, "worst")).all()


def test_row_weights_are_put_back_where_training_runs(scene):
    """Of `reducer="literal"`; on a GPU weights left on the CPU would stop a resumed run at its first step."""
    kept = []

    class Kept(GanTask):
        def enter_worst_case(self):
            super().enter_worst_case()
            self.row_weights = torch.ones(len(self.data.train))
            kept.append((self, self.state()))

    generator = AutoregressiveGAN(TINY.model_copy(update={"reducer": "literal"}))
    generator.task = Kept
    generator.fit(scene.data, scene.schema, scene.groups, RunContext(seed=5))
    task, state = kept[0]
    task.ctx = replace(task.ctx, device="meta")
    task.restore(state)
    assert task.row_weights.device.type == "meta"
    assert {value.device.type for value in task.average.values()} == {"meta"}


@pytest.mark.parametrize("reducer", ["mean", "cvar", "top_k", "literal"])
def test_every_reducer_trains(scene, reducer):
    generator = fit(scene, TINY.model_copy(update={"reducer": reducer, "epochs": 1}))
    assert len(sample(generator, 50)) == 50


def test_a_table_whose_columns_have_one_level_each_still_samples(scene):
    flat = scene.split.train.assign(**dict.fromkeys(("sex", "ward", "smoker", "outcome"), "x"))
    columns = tuple(c for c in scene.schema.modelled if c.name in ("sex", "ward"))
    schema = scene.schema.model_copy(update={"columns": columns, "target": None})
    data = type(scene.data)(flat, flat)
    generator = AutoregressiveGAN(TINY).fit(data, schema, (), RunContext())
    made = sample(generator, 20)
    assert (made == "x").all().all()
    assert (generator.surprise(flat) == 0).all()


def test_no_validation_rows_is_a_clear_error(scene):
    data = type(scene.data)(scene.split.train, scene.split.train.head(0))
    with pytest.raises(TrainingError, match="validation"):
        AutoregressiveGAN(TINY).fit(data, scene.schema, scene.groups, RunContext())


def test_naming_the_parameters_imports_no_torch():
    import subprocess
    import sys

    code = "import sys; import synthgen.tabular.params, synthgen.tabular; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_values_that_are_missing_together_stay_so():
    """Three laboratory values missing in the same rows, a fourth on its own: the joint pattern is kept."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(1500, 4)).round(2), columns=["na", "k", "cl", "crp"])
    gap, own = rng.random(1500) < 0.3, rng.random(1500) < 0.2
    frame.loc[gap, ["na", "k", "cl"]] = np.nan
    frame.loc[own, "crp"] = np.nan
    scene = prepared(frame)
    params = TINY.model_copy(update={"epochs": 12, "hidden": 32})
    made = AutoregressiveGAN(params).fit(scene.data, scene.schema, (), RunContext())
    gaps = pd.concat(made.sample(SampleSpec(), 3000, RunContext())).isna()
    assert (gaps["na"] == gaps["k"]).mean() > 0.95
    assert (gaps["na"] == gaps["cl"]).mean() > 0.95
    assert abs(gaps["na"].mean() - gap.mean()) < 0.05
    assert abs(np.corrcoef(gaps["na"], gaps["crp"])[0, 1]) < 0.1


def test_a_deadline_in_the_worst_case_stage_leaves_time_to_calibrate(scene):
    params = TINY.model_copy(update={"epochs": 4000})
    generator = AutoregressiveGAN(params).fit(
        scene.data, scene.schema, scene.groups, RunContext(seed=1, deadline=time.monotonic() + 4)
    )
    stages = {stage["stage"]: stage for stage in generator.report()["stages"]}
    assert stages["mean"]["steps"] > 0
    assert stages["mean"]["best_step"] > 0
