"""Free text: what at least k people share comes back as a code, all else as a placeholder."""

import numpy as np
import pandas as pd
import pytest

from synthgen.errors import SchemaError
from synthgen.spec import ColumnOverride, RunSpec
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import inference, io
from synthgen.tabular.schema import PLACEHOLDER

PHRASES = ("No abnormality was seen in the chest.", "The patient did not come to the appointment.")
FEW = "A phrase that only a handful of people of the source share."
PARAMS = {"epochs": 3, "hidden": 16, "bins": 12, "critic_epochs": 1, "critic_rounds": 2}


def reports(rows=800, seed=0):
    rng = np.random.default_rng(seed)
    notes = [f"Patient {i} told quokka{i} about {rng.integers(10**9)} things." for i in range(rows)]
    kind = rng.choice(3, rows, p=[0.3, 0.2, 0.5])
    frame = pd.DataFrame({"note": [(*PHRASES, own)[which] for which, own in zip(kind, notes, strict=True)]})
    frame.loc[:4, "note"] = FEW
    frame.loc[rng.random(rows) < 0.1, "note"] = None
    return frame.assign(age=rng.integers(18, 90, rows))


def column(frame, name="note", **said):
    spec = RunSpec(columns={name: ColumnOverride(**said)} if said else {})
    return inference.infer(io.from_memory(frame), spec).column(name)


def sampled(frame, **columns):
    model = TabularSynthesizer(generator="autoregressive_gan", params=PARAMS, columns=columns).fit(frame)
    return model, model.sample(600)["note"]


def test_shared_texts_are_a_code_and_said():
    found = column(reports())
    assert (found.kind, found.rest) == ("code", PLACEHOLDER)
    assert "2 texts of a free text come often" in found.reason
    assert repr(PLACEHOLDER) in found.warning


def test_text_that_nobody_shares_is_a_placeholder():
    frame = reports().assign(note=lambda f: [f"{i} is what was said of number {i}, and more." for i in range(len(f))])
    assert column(frame).kind == "text"


def test_only_shared_texts_and_the_placeholder_come_out(tmp_path):
    model, made = sampled(reports())
    assert set(made.dropna()) == {*PHRASES, PLACEHOLDER}
    assert 0.03 < made.isna().mean() < 0.2
    assert 0.3 < (made == PLACEHOLDER).mean() < 0.6
    model.save(tmp_path / "model")
    told = b"".join(path.read_bytes() for path in (tmp_path / "model").rglob("*") if path.is_file())
    assert PHRASES[0].encode() in told
    assert b"quokka" not in told
    assert FEW.encode() not in told


def test_public_does_not_open_a_free_text():
    _, made = sampled(reports(), note=ColumnOverride(public=True))
    assert set(made.dropna()) == {*PHRASES, PLACEHOLDER}


def test_a_text_that_one_person_repeats_is_not_shared():
    frame = reports().assign(patient=np.arange(800))
    frame.loc[:60, "patient"] = 0
    frame.loc[:60, "note"] = FEW
    _, made = sampled(frame, patient=ColumnOverride(kind="person"))
    assert FEW not in set(made)
    assert PHRASES[0] in set(made)


def test_a_list_of_codes_confines_what_comes_back_and_opens_nothing(tmp_path):
    said = ColumnOverride(codes=(PHRASES[1], FEW, "Never said."), public=True)
    found = column(reports(), codes=said.codes, public=True)
    assert found.codes == (PHRASES[1],)
    assert "1 of the 3 texts that its owner names" in found.reason
    assert not found.public
    model, made = sampled(reports(), note=said)
    assert set(made.dropna()) == {PHRASES[1], PLACEHOLDER}
    model.save(tmp_path / "model")
    assert not any(FEW.encode() in path.read_bytes() for path in (tmp_path / "model").rglob("*") if path.is_file())
    assert TabularSynthesizer.load(tmp_path / "model").spec.columns["note"].codes == (PHRASES[1],)


def test_a_list_of_which_nothing_is_shared_leaves_a_placeholder():
    assert column(reports(), codes=(FEW,)).kind == "text"


def test_the_owner_may_keep_the_whole_column_a_placeholder():
    _, made = sampled(reports(), note=ColumnOverride(kind="text"))
    assert set(made.dropna()) == {PLACEHOLDER}


def test_names_of_people_stay_a_placeholder_however_common():
    assert column(reports().rename(columns={"note": "patient_name"}), "patient_name").kind == "text"


def test_a_list_of_codes_is_for_texts():
    with pytest.raises(SchemaError, match="takes no codes"):
        column(reports(), "age", codes=("1",))
