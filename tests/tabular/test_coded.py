"""What a folder of a saved generator may be: of this generator, this format, and whole."""

import json

import pytest
from prepared import prepared
from scenes import hospital

from synthgen import catalog
from synthgen.errors import InputError
from synthgen.runtime import RunContext
from synthgen.training import checkpoint


@pytest.fixture(scope="module")
def scene():
    return prepared(hospital(300), target="outcome")


@pytest.fixture(params=["gaussian_copula", "independent", "smote_nc"])
def saved(request, scene, tmp_path):
    kind = catalog.generators("tabular")[request.param].load()
    kind().fit(scene.data, scene.schema, scene.groups, RunContext()).save(tmp_path / "model")
    kind.load(tmp_path / "model")
    return kind, tmp_path / "model"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("format", 0, "this version"),
        ("generator", "another", "this version"),
        ("params", {"no such": 1}, "another version"),
        ("encoding", {"columns": [{"type": "other"}]}, "another version"),
    ],
)
def test_a_model_of_another_kind_or_version_is_refused(saved, field, value, said):
    kind, folder = saved
    facts = folder / checkpoint.FACTS
    facts.write_text(json.dumps({**json.loads(facts.read_text()), field: value}))
    with pytest.raises(InputError, match=said):
        kind.load(folder)


def test_a_model_without_a_part_of_it_is_refused(saved):
    kind, folder = saved
    state = checkpoint.read(folder)
    checkpoint.write(checkpoint.State({}, state.facts), folder)
    with pytest.raises(InputError, match="another version"):
        kind.load(folder)
