"""The card of the augmentation verdict, and the tables of what was dropped and merged."""

from streamlit.testing.v1 import AppTest

from dashboard.components import mix


def test_the_card_says_the_verdict_and_shows_every_arm():
    page = AppTest.from_file("augmented_card.py", default_timeout=30).run()
    assert not page.exception, page.exception
    text = "\n".join(element.proto.body for element in page.get("html"))
    assert "Would adding this set help your model?" in text
    assert "Use +50 %." in text
    assert "against class weights" in text
    for arm in ("Real rows alone", "+25 %", "Real and all synthetic"):
        assert arm in text
    assert "0.510 (0.480 to 0.540)" in text or "0.51 (0.480 to 0.540)" in text
    assert len(page.get("vega_lite_chart") or page.get("arrow_vega_lite_chart")) == 1


def test_what_was_dropped_and_merged_is_told_and_escaped():
    page = AppTest.from_file("augmented_card.py", default_timeout=30).run()
    text = "\n".join(element.proto.body for element in page.get("html"))
    assert "Near copies of training rows" in text
    assert ">31<" in text
    assert "0.03" in text
    assert "ward: 2 categories" in text
    assert "&lt;b&gt;chapel" in text
    assert "<b>chapel" not in text
    assert any("no protection that can be proven" in caption.value for caption in page.caption)


def test_what_was_asked_for_names_what_is_dropped():
    assert mix.told({"drop": ["near_copies"]}, 10).endswith("without near copies of training rows")
