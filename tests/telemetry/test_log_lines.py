"""Tests of the gathering stream: nothing is lost, nothing blocks, and the order stays."""

import io
import threading
from typing import Any

from app.telemetry.log_lines import LogLines


class Recording(io.BytesIO):
    """A stream that tells when it has been written to, and that can hold its writer up or break."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.is_broken = False
        self.was_written = threading.Event()
        self.may_write = threading.Event()
        self.may_write.set()

    def write(self, lines: Any, /) -> int:
        assert self.may_write.wait(10)
        if self.is_broken:
            self.was_written.set()
            raise BrokenPipeError
        written = super().write(lines)
        self.writes += 1
        self.was_written.set()
        return written


class TestLogLines:
    def test_a_line_is_written_without_anybody_asking(self):
        stream = Recording()
        lines = LogLines(stream, gather_seconds=0)
        lines.write("one\n")
        assert stream.was_written.wait(10)
        assert not lines._waiting.is_set(), "the thread would turn without end"
        lines.close()
        assert stream.getvalue() == b"one\n"

    def test_lines_of_a_moment_are_written_together_and_in_order(self):
        stream = Recording()
        lines = LogLines(stream, gather_seconds=600)
        for number in range(100):
            lines.write(f"{number}\n")
        assert stream.writes == 0
        lines.flush()
        assert stream.writes == 1
        assert stream.getvalue().split() == [b"%d" % number for number in range(100)]
        lines.close()

    def test_closing_writes_what_is_left_and_stops_the_thread(self):
        stream = Recording()
        before = threading.active_count()
        lines = LogLines(stream, gather_seconds=600)
        lines.write("last words\n")
        lines.close()
        assert stream.getvalue() == b"last words\n"
        assert threading.active_count() == before
        assert not stream.closed

    def test_a_slow_reader_does_not_hold_up_who_writes_a_line(self):
        stream = Recording()
        stream.may_write.clear()
        lines = LogLines(stream, gather_seconds=0)
        for number in range(1_000):
            lines.write(f"{number}\n")
        assert stream.getvalue() == b""
        stream.may_write.set()
        lines.close()
        assert len(stream.getvalue().split()) == 1_000

    def test_when_too_many_wait_the_caller_writes_and_nothing_is_lost(self):
        stream = Recording()
        lines = LogLines(stream, gather_seconds=600, capacity=10)
        for number in range(25):
            lines.write(f"{number}\n")
        assert stream.writes == 2
        lines.close()
        assert len(stream.getvalue().split()) == 25

    def test_lines_of_many_threads_are_all_written(self):
        stream = Recording()
        lines = LogLines(stream, gather_seconds=0, capacity=50)

        def write_many() -> None:
            for _ in range(2_000):
                lines.write("x\n")

        writers = [threading.Thread(target=write_many) for _ in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        lines.close()
        assert stream.getvalue() == b"x\n" * 8_000

    def test_a_reader_that_is_gone_does_not_end_the_thread(self):
        stream = Recording()
        stream.is_broken = True
        lines = LogLines(stream, gather_seconds=0)
        lines.write("into the void\n")
        assert stream.was_written.wait(10)
        stream.was_written.clear()
        stream.is_broken = False
        lines.write("heard\n")
        assert stream.was_written.wait(10)
        lines.close()
        assert stream.getvalue() == b"heard\n"

    def test_lines_are_utf_8_and_none_is_lost_for_what_cannot_be_said_in_it(self):
        stream = Recording()
        lines = LogLines(stream, gather_seconds=600)
        lines.write("grüße\n")
        lines.write("half a pair: \ud800\n")
        lines.close()
        assert stream.getvalue().decode() == "grüße\nhalf a pair: \\ud800\n"
