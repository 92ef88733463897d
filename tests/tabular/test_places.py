"""Latitude and longitude are one place: found, declared, undone; points stay on the map, and are nobody's own."""

import numpy as np
import pandas as pd
import pytest
from prepared import prepared

from synthgen.errors import SchemaError
from synthgen.spec import ColumnOverride, Range, RunSpec
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import encoding, inference, io
from synthgen.tabular.encoding import Encoding
from synthgen.tabular.places import Place

TOWNS = np.array([[54.10, -3.20], [54.66, -2.75], [54.90, -2.93], [54.55, -3.59]])  # latitude, longitude
CORNER = (54.66, -2.75)


def calls(rows=2000, seed=0, names=("lat", "lon")):
    """Calls from four towns, as far from each other as their own width is small; a tenth from one crossing."""
    rng = np.random.default_rng(seed)
    town = rng.choice(4, rows, p=[0.4, 0.3, 0.2, 0.1])
    points = (TOWNS[town] + rng.normal(0, [0.01, 0.015], (rows, 2))).round(5)
    points[rng.random(rows) < 0.1] = CORNER
    frame = pd.DataFrame({names[0]: points[:, 0], names[1]: points[:, 1], "town": np.array(list("ABCD"))[town]})
    frame.loc[rng.random(rows) < 0.05, list(names)] = np.nan
    return frame.assign(age=rng.integers(18, 90, rows))


def place_of(frame, bins=40, k=10, **columns):
    scene = prepared(frame, columns=columns, k_floor=k)
    made = encoding.fit(scene.split.train, scene.schema.modelled, scene.split.train_people, k, bins, related=True)
    made = Encoding.model_validate_json(made.model_dump_json())
    return scene, made, next((part for part in made.parts if isinstance(part, Place)), None)


def off_the_towns(frame, names=("lat", "lon")):
    """Degrees from the centre of the nearest town, for each filled point."""
    points = frame[list(names)].dropna().to_numpy(float)
    return np.sqrt(((points[:, None] - TOWNS[None]) ** 2).sum(axis=2)).min(axis=1)


def paired(frame, **columns):
    found = inference.infer(io.from_memory(frame), RunSpec(columns=columns))
    return {c.name: c.place_with for c in found.columns if c.place_with}


@pytest.mark.parametrize(
    "names",
    [("lat", "lon"), ("Latitude", "Longitude"), ("pickup_lat", "pickup_lng"), ("homeLatitude", "homeLongitude")],
)
def test_a_pair_is_found_by_name_and_said(names):
    frame = calls(300, names=names)
    assert paired(frame) == {names[0]: names[1], names[1]: names[0]}
    reason = inference.infer(io.from_memory(frame), RunSpec()).column(names[0]).reason
    assert f"one place on the map together with {names[1]!r}" in reason


def test_what_is_no_pair_is_left_alone():
    frame = calls(300)
    assert paired(frame.rename(columns={"lat": "pickup_lat", "lon": "dropoff_lon"})) == {}
    assert paired(frame.assign(lat=lambda f: f["lat"] * 3)) == {}
    assert paired(frame.rename(columns={"lat": "north", "lon": "east"})) == {}
    assert paired(frame.assign(latitude=frame["lat"])) == {}  # which of the two would it be


def test_a_pair_is_declared_and_undone():
    frame = calls(300).rename(columns={"lat": "north", "lon": "east"})
    assert paired(frame, north=ColumnOverride(place_with="east")) == {"north": "east", "east": "north"}
    assert paired(calls(300), lon=ColumnOverride(place_with="")) == {}


@pytest.mark.parametrize("other", ["nowhere", "lat", "town"])
def test_a_pair_that_cannot_be_is_told(other):
    with pytest.raises(SchemaError, match="'lat'"):
        paired(calls(300), lat=ColumnOverride(place_with=other))


def test_every_cell_of_the_map_holds_k_people_and_the_map_knows_the_towns():
    scene, _, place = place_of(calls())
    cells = place.of(scene.split.train).dropna().astype(int)
    assert np.bincount(cells, minlength=len(place.boxes)).min() >= 10
    assert len(place.boxes) > 20
    assert place.together
    box = np.asarray(place.boxes, float)
    area = (box[:, 1] - box[:, 0] + 1) * (box[:, 3] - box[:, 2] + 1)
    whole = np.ptp(box[:, :2]) * np.ptp(box[:, 2:])
    assert area.sum() < 0.25 * whole


def test_every_box_is_a_level_also_where_the_edge_of_the_map_is_a_shared_point():
    """What lies beyond the edge may be nearer to such a point than to the cell that counted it."""
    seen = 0
    for seed in range(14, 124, 4):
        rng = np.random.default_rng(seed)
        loose = rng.normal(0, 5, (80, 2)).round(1)
        shared = np.repeat(rng.normal(0, 8, (8, 2)).round(1), 10, axis=0)
        lat, lon = np.concatenate([loose, shared]).T
        _, made, place = place_of(
            pd.DataFrame({"lat": lat, "lon": lon}), k=5, bins=10, lat=ColumnOverride(place_with="lon")
        )
        code = made.columns[-1]
        assert code.values == tuple(map(str, range(len(place.boxes))))
        assert not code.other
        seen += len(code.values)
    assert seen > 100


def test_a_range_that_leaves_boxes_of_next_to_no_share_is_kept():
    _, made, place = place_of(calls())
    rare = made.model_copy(update={"parts": (place.model_copy(update={"shares": (0.0,) * len(place.boxes)}),)})
    low, high = place.boxes[0][:2]
    codes = np.zeros((50, len(made.columns)), dtype=np.int64)
    codes[:, -1] = made.columns[-1].size - 1  # nowhere
    out = rare.decode(codes, np.random.default_rng(0), {0: np.array([[low, high]])}, wished=(0,))
    at = place.grids[0].positions(out["lat"])[0]
    assert ((low <= at) & (at <= high)).all()


def test_what_follows_from_a_coordinate_follows_from_where_the_place_put_it():
    frame = calls().assign(north=lambda f: (111.3 * f["lat"]).round(3))
    _, made, _ = place_of(frame)
    assert [name for name, _ in made.formulas] == ["north"]
    codes = np.stack([np.random.default_rng(i).integers(0, n, 500) for i, n in enumerate(made.sizes)], 1)
    out = made.decode(codes, np.random.default_rng(0))
    there = out["lat"].notna()
    assert np.allclose(out["north"][there], 111.3 * out["lat"][there], atol=0.01)


def test_people_are_counted_not_rows():
    frame = calls(400).dropna()
    alone = pd.DataFrame({"lat": [54.3] * 40, "lon": [-3.0] * 40, "town": "A", "age": 30})
    frame = pd.concat([frame.assign(patient=np.arange(len(frame))), alone.assign(patient=-1)], ignore_index=True)
    _, _, place = place_of(frame, patient=ColumnOverride(kind="person"))
    points = {tuple(b) for b in place.boxes if b[0] == b[1] and b[2] == b[3]}
    assert len(points) == 1  # the crossing; not the one person's
    assert not any(b[0] == 5430000 for b in points)


def test_shared_points_come_back_and_nobodys_own():
    scene, made, _ = place_of(calls())
    codes = made.encode(scene.split.train)
    out = made.decode(codes, np.random.default_rng(0))
    at_corner = (out["lat"] == CORNER[0]) & (out["lon"] == CORNER[1])
    assert abs(at_corner.mean() - 0.095) < 0.03
    real = set(map(tuple, scene.split.train[["lat", "lon"]].dropna().to_numpy())) - {CORNER}
    copied = [point in real for point in map(tuple, out.loc[~at_corner, ["lat", "lon"]].dropna().to_numpy())]
    assert np.mean(copied) < 0.01
    ends = scene.split.train[["lat", "lon"]].agg(["min", "max"])
    assert (out[["lat", "lon"]].min() > ends.loc["min"]).all()
    assert (out[["lat", "lon"]].max() < ends.loc["max"]).all()


def test_levels_that_disagree_still_give_a_point_of_the_map():
    """Coordinates drawn on their own stand for a generator that has learned nothing of the map."""
    scene, made, _ = place_of(calls())
    codes, rng = made.encode(scene.split.train), np.random.default_rng(0)
    for i in (0, 1):
        codes[:, i] = rng.permutation(codes[:, i])
    out = made.decode(codes, rng)
    assert (out["lat"].isna() == out["lon"].isna()).all()
    assert np.quantile(off_the_towns(out), 0.95) < 0.08
    alone = made.model_copy(update={"columns": made.columns[:4], "parts": ()}).decode(codes[:, :4], rng)
    assert np.quantile(off_the_towns(alone), 0.95) > 0.3


def test_a_coordinate_alone_may_miss_where_it_does_in_the_data():
    frame = calls()
    frame.loc[np.arange(0, 2000, 8), "lat"] = np.nan
    scene, made, place = place_of(frame)
    assert not place.together
    out = made.decode(made.encode(scene.split.train), np.random.default_rng(0))
    assert (out["lat"].isna().to_numpy() == scene.split.train["lat"].isna().to_numpy()).mean() > 0.99
    assert (out["lon"].isna().to_numpy() == scene.split.train["lon"].isna().to_numpy()).mean() > 0.99


def test_coordinates_that_a_code_determines_are_looked_up():
    frame = calls()
    site = frame["town"].map({"A": 0, "B": 1, "C": 2, "D": 3}).to_numpy()
    frame = frame.assign(lat=TOWNS[site, 0], lon=TOWNS[site, 1])
    _, made, place = place_of(frame)
    assert place is None
    assert {lookup.column for lookup in made.lookups} == {"lat", "lon"}


@pytest.fixture(scope="module")
def model():
    params = {"epochs": 8, "hidden": 32, "bins": 20, "critic_epochs": 1, "critic_rounds": 2}
    return TabularSynthesizer(generator="autoregressive_gan", params=params).fit(calls())


def test_a_model_makes_points_in_towns(model):
    made = model.sample(800)
    assert np.quantile(off_the_towns(made), 0.9) < 0.1
    assert (made["lat"].isna() == made["lon"].isna()).all()
    assert 0.01 < made["lat"].isna().mean() < 0.12


def test_ranges_and_fixed_values_are_kept(model):
    north = model.sample(200, where={"lat": Range(low=54.64)})
    assert north["lat"].between(54.64, 55).all()
    assert north["lon"].notna().all()
    assert np.quantile(off_the_towns(north), 0.9) < 0.1
    assert model.sample(50, where={"lat": None})[["lat", "lon"]].isna().all().all()


def test_gaps_are_filled_with_points(model):
    holes = calls(200, seed=1).assign(lon=np.nan)
    whole = model.impute(holes)
    kept = holes["lat"].notna()
    assert whole["lon"].notna().all()
    assert (whole.loc[kept, "lat"] == holes.loc[kept, "lat"]).all()
