"""What the service owes to OWASP ASVS 5.0.0, levels 1 and 2: each requirement of `asvs.csv` has a test that exists.

The summaries are our own words; the requirements are at https://github.com/OWASP/ASVS/tree/v5.0.0. One that is not
met says so, and why.
"""

import csv
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = str(Path(__file__).relative_to(ROOT))
TABLE = Path(__file__).with_name("asvs.csv")
# As many as the standard has of each level.
REQUIREMENTS = {"1": 70, "2": 183}


@dataclass(frozen=True)
class Row:
    """One requirement."""

    id: str
    level: str
    summary: str
    status: str
    proof: str


@cache
def rows() -> list[Row]:
    """All requirements, in the order of the file."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        return [Row(**row) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def collected() -> set[str]:
    """The tests in the files that the table names, and in this one, as pytest collects them, without parameters."""
    files = {row.proof.partition("::")[0] for row in rows() if row.proof} | {HERE}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *sorted(files)]
    done = subprocess.run(command, capture_output=True, check=False, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return {line.partition("[")[0] for line in done.stdout.splitlines() if "::" in line}


class TestTable:
    def test_no_requirement_is_missing_and_none_is_there_twice(self) -> None:
        assert Counter(row.level for row in rows()) == REQUIREMENTS
        assert [name for name, times in Counter(row.id for row in rows()).items() if times > 1] == []

    def test_it_is_in_the_order_of_the_standard(self) -> None:
        numbers = [[int(part) for part in row.id[1:].split(".")] for row in rows()]
        assert numbers == sorted(numbers)

    @pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
    def test_each_row_says_what_is_asked_and_what_became_of_it(self, row: Row) -> None:
        assert re.fullmatch(r"V\d{1,2}\.\d{1,2}\.\d{1,2}", row.id)
        assert re.fullmatch(r"[A-Z].{10,150}[^.]", row.summary)
        assert re.fullmatch(r"met|(not applicable|not met): \S.{5,200}[^.]", row.status)
        assert bool(row.proof) == (row.status == "met")


class TestProofs:
    def test_every_proof_is_a_test_that_runs(self, collected: set[str]) -> None:
        assert [f"{row.id}: {row.proof}" for row in rows() if row.proof and row.proof not in collected] == []

    def test_a_proof_that_is_not_there_would_be_noticed(self, collected: set[str]) -> None:
        assert f"{HERE}::TestProofs::test_every_proof_is_a_test_that_runs" in collected
        assert f"{HERE}::TestProofs::test_nothing" not in collected
