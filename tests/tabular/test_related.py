"""What columns have to do with each other, on generators other than the autoregressive GAN."""

import numpy as np
import pandas as pd
import pytest

from synthgen.spec import ColumnOverride
from synthgen.synthesizer import TabularSynthesizer

TOWNS = {"Bern": ("3000", 46.9, 7.4), "Basel": ("4000", 47.5, 7.6), "Chur": ("7000", 46.8, 9.5)}
SAID = {
    "zip": ColumnOverride(kind="category", determined_by="town"),
    "latitude": ColumnOverride(place_with="longitude"),
}
GENERATORS = {"auto": {}, "critic_gan": {"steps": 60, "hidden": 16}, "independent": {}}


def visits(rows):
    """Admitted on weekdays, discharged later, in towns with a code and a place; a dose in two units."""
    rng = np.random.default_rng(0)
    town = rng.choice(list(TOWNS), rows)
    admitted = np.datetime64("2021-01-04") + 7 * rng.integers(0, 150, rows) + rng.integers(0, 5, rows)
    dose = np.round(rng.gamma(3, 2, rows), 2)
    return pd.DataFrame(
        {
            "town": town,
            "zip": [TOWNS[t][0] for t in town],
            "latitude": [TOWNS[t][1] for t in town] + rng.normal(0, 0.01, rows).round(3),
            "longitude": [TOWNS[t][2] for t in town] + rng.normal(0, 0.01, rows).round(3),
            "admitted": admitted.astype("datetime64[ns]"),
            "discharged": (admitted + rng.integers(0, 9, rows)).astype("datetime64[ns]"),
            "dose": dose,
            "dose_mg": dose * 1000,
        }
    )


@pytest.fixture(scope="module", params=GENERATORS)
def made(request):
    told = []
    model = TabularSynthesizer(
        request.param,
        GENERATORS[request.param],
        columns=SAID,
        listener=lambda event: told.append(event.payload.get("text", "")),
    ).fit(visits(150))
    return model.model_.generator.name, model.sample(400), "\n".join(told)


def test_what_another_column_decides_follows_it(made):
    _, rows, _ = made
    assert (rows["zip"].astype(str) == rows["town"].map({t: code for t, (code, _, _) in TOWNS.items()})).all()
    assert np.allclose(rows["dose_mg"], 1000 * rows["dose"])


def test_dates_and_places_hold_together_or_it_is_told_that_they_do_not(made):
    name, rows, told = made
    stays = (rows["discharged"] - rows["admitted"]).dt.days
    weekend = (rows["admitted"].dt.weekday > 4).mean()
    near = [
        min(np.hypot(lat - a, lon - b) for _, a, b in TOWNS.values())
        for lat, lon in rows[["latitude", "longitude"]].to_numpy()
    ]
    if name != "independent":
        assert stays.between(0, 30).all()
        assert weekend < 0.05
        assert np.mean(np.array(near) < 0.2) > 0.95
        assert "lost" not in told
        assert "apart" not in told
        return
    assert (stays < 0).mean() > 0.1
    assert f"Columns that are dates, whose weekdays and order are lost by '{name}': 'admitted', 'discharged'." in told
    assert "'latitude', 'longitude'" in told
