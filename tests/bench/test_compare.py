"""Tests of the gate: what it lets through, what it refuses, and what it measures again."""

from collections.abc import Sequence

import pytest

from bench import compare
from bench.apps import SERVICE
from bench.rounds import Line
from bench.works import CREATE, GET, Work
from tests.bench.measurements import measurement


def row(work: Work, candidate_us: Sequence[float], base_us: Sequence[float] = ()) -> compare.Row:
    return compare.Row(
        Line(work, SERVICE, [measurement(server_us=each) for each in base_us or [100] * len(candidate_us)]),
        Line(work, SERVICE, [measurement(server_us=each) for each in candidate_us]),
    )


class Again:
    """Measures what it is asked to, always with the same answer."""

    def __init__(self, candidate_us: Sequence[float]) -> None:
        self.candidate_us = candidate_us
        self.works: list[list[str]] = []

    def __call__(self, works: Sequence[Work]) -> list[Line]:
        self.works.append([work.name for work in works])
        rows = [row(work, self.candidate_us) for work in works]
        return [line for each in rows for line in (each.base, each.candidate)]


class TestRow:
    @pytest.mark.parametrize(
        ("candidate_us", "is_lost", "verdict"),
        [
            ([100, 100, 100], False, "+0% kept"),
            ([115, 114, 500], False, "+15% kept"),
            ([120, 116, 116], True, "+16% LOST"),
            ([50, 50, 400], False, "-50% kept"),
        ],
    )
    def test_the_median_ratio_decides(self, candidate_us: list[float], *, is_lost: bool, verdict: str) -> None:
        judged = row(GET, candidate_us)
        assert (judged.is_lost, judged.verdict) == (is_lost, verdict)

    def test_what_the_machine_does_to_both_cancels(self) -> None:
        assert row(GET, [100, 300, 200], base_us=[100, 300, 200]).ratios == [1, 1, 1]

    def test_a_row_without_a_figure_is_not_kept(self) -> None:
        assert row(GET, [100], base_us=[0]).is_lost

    def test_a_refused_request_makes_it_invalid(self) -> None:
        judged = row(GET, [100])
        judged.base.measurements.append(measurement(statuses={503: 1}))
        judged.candidate.measurements.append(measurement())
        assert judged.verdict == "INVALID"
        assert "1 x status 503" in compare.render([judged])

    def test_a_loss_is_in_doubt_where_its_rounds_differ_by_more_or_one_denies_it(self) -> None:
        assert row(GET, [116, 120, 160]).is_doubtful
        assert row(GET, [114, 118, 122]).is_doubtful
        assert row(GET, [150, 150]).is_doubtful, "two rounds may agree by chance"
        assert not row(GET, [118, 120, 122]).is_doubtful
        assert not row(GET, [50, 100, 300]).is_doubtful, "what is not lost needs no second look"


class TestSettled:
    def test_only_rows_in_doubt_are_measured_again_and_all_their_rounds_count(self) -> None:
        doubtful, lost = row(GET, [100, 120, 160]), row(CREATE, [130, 130, 130])
        again = Again([100, 101, 102, 103])
        compare._settled([doubtful, lost], again, lambda _: None)
        assert again.works == [[GET.name]]
        assert len(doubtful.ratios) == 7
        assert not doubtful.is_lost
        assert lost.is_lost

    def test_what_stays_in_doubt_is_judged_in_the_end(self) -> None:
        doubtful, again = row(GET, [100, 130, 160]), Again([100, 130, 160])
        compare._settled([doubtful], again, lambda _: None)
        assert len(again.works) == compare.REPEATS
        assert doubtful.is_lost


def test_the_table_shows_both_and_their_ratio() -> None:
    *_, line = compare.render([row(GET, [110, 120, 90])]).splitlines()
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        *(GET.name, "100", "110", "1.10", "0.90", "1.20", "3", "+10% kept", "1,000", "1,000")
    ]
