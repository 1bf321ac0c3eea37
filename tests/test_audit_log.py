"""`todo audit`: what it prints, and that whoever waits for its exit status is told the truth."""

import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.audit_log import HeadsUnreadable, read_heads
from app.domain.audit.verification import witness
from app.telemetry.redaction import redact
from tests.conftest import Stack
from tests.domain.audit.log_of_ones_own import Log, log_on
from tests.test_cli import todo

NOW = f"{datetime.now(UTC):%Y-%m}"


@pytest.fixture
async def log(stack: Stack) -> AsyncIterator[Log]:
    """A log of ten entries."""
    async with log_on(stack) as own:
        await own.write(10)
        yield own


def audit(log: Log, *arguments: str) -> subprocess.CompletedProcess[str]:
    return todo("audit", *arguments, DATABASE_URL=log.url)


class TestVerify:
    async def test_it_says_how_much_holds(self, log: Log) -> None:
        result = audit(log, "verify")
        assert (result.returncode, result.stdout) == (0, "10 rows in 1 chains: all hold.\n")

    async def test_it_names_the_row_that_does_not(self, log: Log) -> None:
        await log.tamper("UPDATE audit_log SET actor_kind = 'operator' WHERE number = 4")
        result = audit(log, "verify")
        chain = await log.owner.fetchval("SELECT chain FROM audit_chains")
        assert result.returncode == 1
        first, last = result.stdout.splitlines()
        assert first.startswith(
            f"FAIL  {NOW}, chain {chain}: row 4 ({await log.id_of(4)}, {datetime.now(UTC):%Y-%m-%d} "
        )
        assert first.endswith("Z): edited.")
        assert last == "3 rows in 1 chains: 1 chains are broken."

    async def test_one_month_can_be_looked_at_alone(self, log: Log) -> None:
        await log.write_at(datetime(2025, 1, 1, tzinfo=UTC), 2)
        await log.tamper("UPDATE audit_log SET actor_kind = 'operator' WHERE at < '2025-02-01'")
        assert audit(log, "verify", "--month", NOW).returncode == 0
        assert audit(log, "verify", "--month", "2025-01").returncode == 1

    @pytest.mark.parametrize("month", ["2025-13", "x", "2025-01-01"])
    def test_what_is_no_month_is_refused(self, month: str) -> None:
        result = todo("audit", "verify", "--month", month)
        assert result.returncode == 2
        assert "is not a month such as 2026-11" in result.stderr


class TestHeads:
    async def test_heads_of_an_earlier_day_find_what_the_database_cannot(self, log: Log, tmp_path: Path) -> None:
        kept = tmp_path / "heads"
        kept.write_text(audit(log, "heads").stdout)
        await log.write(3)
        assert audit(log, "verify", "--against", str(kept)).returncode == 0
        for table in ("audit_log", "audit_chains"):
            await log.tamper(f"DELETE FROM {table}")  # noqa: S608 - one of two
        assert audit(log, "verify").returncode == 0
        result = audit(log, "verify", "--against", str(kept))
        assert (result.returncode, "row 1: removed." in result.stdout) == (1, True)

    async def test_the_worker_writes_the_same_lines_into_the_log_of_the_service(self, log: Log) -> None:
        with capture_logs() as lines:
            assert await witness(log.database) == 1
        assert lines[0]["heads"] == audit(log, "heads").stdout.splitlines()
        assert redact(None, "info", dict(lines[0])) == lines[0]

    async def test_a_file_that_is_none_is_refused(self, log: Log, tmp_path: Path) -> None:
        result = audit(log, "verify", "--against", str(tmp_path / "absent"))
        assert (result.returncode, "cannot be read" in result.stderr) == (2, True)

    @pytest.mark.parametrize("line", ["2026-11 3 17", "2026-11 3 17 xyz", "x 3 17 00", "2026-11 x 17 00"])
    def test_a_line_that_is_none_is_named(self, line: str) -> None:
        with pytest.raises(HeadsUnreadable, match="line 2"):
            read_heads(["2026-11 3 17 00", line])
