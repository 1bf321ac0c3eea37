"""The ledger keeps what was written down, once, through crashes, and refuses what it did not write."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.erasure_ledger import Erased, ErasureLedger, LedgerUnreadable, digest_of, line_of, read

AT = datetime(2026, 11, 28, 20, 47, tzinfo=UTC)


def erased() -> Erased:
    return Erased(digest_of(uuid4()), AT)


@pytest.fixture
def ledger(tmp_path: Path) -> ErasureLedger:
    return ErasureLedger(tmp_path / "erasures")


class TestAdd:
    def test_what_is_written_is_read_again(self, ledger: ErasureLedger) -> None:
        first, second = erased(), erased()
        assert ledger.add([first]) == 1
        assert ledger.add([second]) == 1
        assert ledger.erasures() == [first, second]

    def test_nobody_is_written_down_twice(self, ledger: ErasureLedger) -> None:
        first, second = erased(), erased()
        ledger.add([first])
        assert ledger.add([first, second]) == 1
        assert ledger.erasures() == [first, second]

    def test_it_is_a_line_of_time_and_digest_that_its_owner_alone_reads(self, ledger: ErasureLedger) -> None:
        user_id = UUID("0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a")
        ledger.add([Erased(digest_of(user_id), AT)])
        assert ledger.path.read_text() == f"2026-11-28T20:47:00Z {sha256(user_id.bytes).hexdigest()}\n"
        assert ledger.path.stat().st_mode & 0o777 == 0o600

    def test_file_and_directory_are_on_the_disk_when_it_returns(self, ledger: ErasureLedger, monkeypatch) -> None:
        synced: list[Path] = []
        real = os.fsync

        def remember(number: int) -> None:
            synced.append(Path(f"/proc/self/fd/{number}").readlink())
            real(number)

        monkeypatch.setattr(os, "fsync", remember)
        ledger.add([erased()])
        assert synced == [ledger.path, ledger.path.parent]
        ledger.add([erased()])
        assert synced[2:] == [ledger.path]

    def test_many_at_once_leave_whole_lines(self, ledger: ErasureLedger) -> None:
        all_of_them = [erased() for _ in range(64)]
        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(lambda one: ledger.add([one]), all_of_them)) == 64
        assert sorted(ledger.erasures()) == sorted(all_of_them)

    def test_no_directory_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            ErasureLedger(tmp_path / "missing" / "erasures").add([erased()])


class TestRead:
    def test_no_file_is_no_erasure(self, ledger: ErasureLedger) -> None:
        assert ledger.erasures() == []

    def test_no_directory_is_an_error_that_names_it(self, tmp_path: Path) -> None:
        missing = tmp_path / "missing"
        with pytest.raises(LedgerUnreadable, match=f"no directory {missing}"):
            ErasureLedger(missing / "erasures").erasures()

    @pytest.mark.parametrize("kept", [1, 10, 20, 21, 50, 84])
    def test_a_line_that_was_cut_by_a_crash_does_not_count_and_harms_no_other(
        self, ledger: ErasureLedger, kept: int
    ) -> None:
        first, lost, third = erased(), erased(), erased()
        ledger.path.write_bytes(line_of(first) + line_of(lost)[:kept])
        assert ledger.erasures() == [first]
        ledger.add([third])
        assert ledger.erasures() == [first, third]
        assert ledger.path.read_bytes().endswith(line_of(third))

    def test_a_line_without_its_end_counts(self, ledger: ErasureLedger) -> None:
        first, second = erased(), erased()
        ledger.path.write_bytes(line_of(first).rstrip())
        assert ledger.erasures() == [first]
        ledger.add([second])
        assert ledger.erasures() == [first, second]

    @pytest.mark.parametrize(
        "wrong",
        [
            b"hello",
            b"2026-11-28T20:47:00Z " + b"0" * 65,
            b"2026-11-28T20:47:00Z " + b"g" * 64,
            b"2026-13-28T20:47:00Z " + b"0" * 64,
            b"2026-11-28 20:47:00Z " + b"0" * 64,
            b"\x00" * 85,
            b"\x00" * 20,
        ],
    )
    def test_what_it_never_wrote_is_refused_by_line(self, ledger: ErasureLedger, wrong: bytes) -> None:
        ledger.path.write_bytes(line_of(erased()) + wrong + b"\n" + line_of(erased()))
        with pytest.raises(LedgerUnreadable, match="line 2"):
            ledger.erasures()
        with pytest.raises(LedgerUnreadable, match="line 2"):
            ledger.add([erased()])

    def test_lists_can_be_joined(self) -> None:
        first, second = erased(), erased()
        assert list(read(line_of(first) + b"\n" + line_of(second))) == [first, second]
