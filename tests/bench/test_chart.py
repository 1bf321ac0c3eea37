"""Tests of the chart as a drawing: what it says, and that every reader can parse it."""

from itertools import pairwise
from xml.etree import ElementTree as ET

from bench import chart
from bench.apps import ASYNCPG, BEFORE, SERVICE
from bench.rounds import Line
from bench.works import CREATE, GET
from tests.bench.measurements import measurement

SVG = "{http://www.w3.org/2000/svg}"
LINES = [
    Line(GET, SERVICE, [measurement(server_us=100)]),
    Line(GET, ASYNCPG, [measurement(server_us=50)]),
    Line(CREATE, SERVICE, [measurement(server_us=400)]),
    Line(CREATE, BEFORE, [measurement(server_us=4_000)]),
]


def drawing(lines: list[Line]) -> ET.Element:
    return ET.fromstring(chart.draw(lines))  # noqa: S314 - the chart is this program's own


def bars(lines: list[Line]) -> list[ET.Element]:
    return [bar for bar in drawing(lines).iter(f"{SVG}rect") if bar.get("class") != "page"]


class TestDraw:
    def test_bars_are_in_proportion_within_a_work(self) -> None:
        get_ours, get_other, create_ours, create_other = (float(bar.get("width", 0)) for bar in bars(LINES))
        assert get_ours == 2 * get_other
        assert create_other == 10 * create_ours
        assert get_ours == create_other, "each work fills the width with its longest bar"

    def test_ours_differ_in_colour(self) -> None:
        assert [bar.get("class") for bar in bars(LINES)] == ["ours", "other", "ours", "other"]

    def test_every_work_application_and_figure_is_written(self) -> None:
        texts = {text.text for text in drawing(LINES).iter(f"{SVG}text")}
        assert {GET.name, CREATE.name, ASYNCPG.name, BEFORE.name, "50 µs", "4,000 µs"} <= texts

    def test_nothing_overlaps_and_all_of_it_is_on_the_page(self) -> None:
        tops = [float(bar.get("y", 0)) for bar in bars(LINES)]
        heights = [float(bar.get("height", 0)) for bar in bars(LINES)]
        assert all(top + height <= below for (top, height), (below, _) in pairwise(zip(tops, heights, strict=True)))
        assert tops[-1] + heights[-1] < float(drawing(LINES).get("viewBox", "").split()[3])

    def test_it_has_colours_for_a_dark_page(self) -> None:
        assert "prefers-color-scheme: dark" in chart.draw(LINES)

    def test_what_was_not_measured_has_no_length(self) -> None:
        unmeasured = [Line(GET, SERVICE, [measurement(server_us=float("nan"))])]
        assert [bar.get("width") for bar in bars(unmeasured)] == ["0.0"]
        assert "not measured" in chart.draw(unmeasured)
