from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.tabular import dates

EXACT = [f for f in dates.formats() if "%y" not in f and "%z" not in f]


@settings(max_examples=60, deadline=None)
@given(
    date_format=st.sampled_from(EXACT),
    moments=st.lists(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)), min_size=1, max_size=8),
)
def test_what_is_written_is_read_again(date_format, moments):
    written = dates.write(np.array(moments, dtype="datetime64[us]"), date_format)
    if date_format == "%Y%m%d":  # taken for dates in 1900 to 2099 only
        written = np.array([text for text in written if text[:2] in ("19", "20")], dtype=object)
    read = dates.parse(list(written), date_format)
    assert not np.isnat(read).any()
    assert list(dates.write(read, date_format)) == list(written)


@pytest.mark.parametrize(
    ("text", "date_format", "iso"),
    [
        ("2020-02-29", "%Y-%m-%d", "2020-02-29T00:00:00"),
        ("29.02.2020", "%d.%m.%Y", "2020-02-29T00:00:00"),
        ("7 Mar 1999", "%d %b %Y", "1999-03-07T00:00:00"),
        ("March 7, 1999", "%B %d, %Y", "1999-03-07T00:00:00"),
        ("31/12/68", "%d/%m/%y", "2068-12-31T00:00:00"),
        ("31/12/69", "%d/%m/%y", "1969-12-31T00:00:00"),
        ("2011-03-01T10:30:00+02:00", "%Y-%m-%dT%H:%M:%S%z", "2011-03-01T08:30:00"),
        ("2011-03-01 10:30:00.25", "%Y-%m-%d %H:%M:%S.%f", "2011-03-01T10:30:00.250000"),
        ("9999-12-31", "%Y-%m-%d", "9999-12-31T00:00:00"),
        ("2018-03", "%Y-%m", "2018-03-01T00:00:00"),
    ],
)
def test_formats(text, date_format, iso):
    assert dates.parse([text], date_format)[0] == np.datetime64(iso, "us")


@pytest.mark.parametrize("text", ["31/02/2020", "00/01/2020", "1/1/20200", "", "x", "2020-01-01", "8e2569614270"])
def test_what_is_no_date_is_missing(text):
    assert np.isnat(dates.parse(["01/02/2020", text], "%d/%m/%Y")).tolist() == [False, True]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["2020-01-05", "2021-11-30"], "%Y-%m-%d"),
        (["5/1/2020", "30/11/2021"], "%-d/%-m/%Y"),
        (["01/05/2020", "11/30/2021"], "%m/%d/%Y"),
        (["2020-01-05 10:00", "2021-11-30 23:59"], "%Y-%m-%d %H:%M"),
        (["2020-01-05T10:00:00Z", "2021-11-30T23:59:01Z"], "%Y-%m-%dT%H:%M:%SZ"),
    ],
)
def test_the_format_is_found(texts, found):
    assert dates.find_format(texts, np.ones(len(texts)), False, 1.0) == (found, False)


@pytest.mark.parametrize(
    "texts", [["12.5", "13.7"], ["K-1234-1", "K-1235-2"], ["10:30", "11:45"], ["20200105", "20211130"]]
)
def test_other_text_has_no_format(texts):
    assert dates.find_format(texts, np.ones(len(texts)), False, 1.0) is None


def test_grids():
    moments = np.array(["2020-01-01T10:30:00", "2020-01-02T11:45:00"], dtype="datetime64[us]")
    assert dates.grid_seconds("%Y-%m-%d %H:%M:%S", moments) == 60
    assert dates.grid_seconds("%Y-%m-%d %H:%M:%S", moments + np.timedelta64(1, "s")) == 1
    assert dates.grid_seconds("%Y-%m-%d %H:%M:%S", moments.astype("datetime64[D]").astype("datetime64[us]")) == 86_400
