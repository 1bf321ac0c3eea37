"""Tests of the requests that the works consist of."""

from uuid import UUID

import pytest

from bench import soak
from bench.apps import SERVICE
from bench.data import Owner
from bench.messages import Answer, UnexpectedAnswerError
from bench.works import CACHED_GET, CACHED_LIST, CREATE, GET, LIST, Caller

CALLERS = [
    Caller(Owner(UUID(int=n), f"{n}@example.com", UUID(int=n), [UUID(int=10 * n + i) for i in range(2 + n)]), f"t{n}")
    for n in range(2)
]


class TestRequests:
    def test_cached_and_uncached_differ_in_one_header_only(self) -> None:
        for cached, uncached in ((CACHED_GET, GET), (CACHED_LIST, LIST)):
            stripped = [
                message.replace(b"Cache-Control: no-cache\r\n", b"") for message in uncached.requests(SERVICE, CALLERS)
            ]
            assert stripped == cached.requests(SERVICE, CALLERS)
            assert stripped != uncached.requests(SERVICE, CALLERS)

    def test_gets_go_through_all_callers_before_the_next_todo(self) -> None:
        tokens = [message.partition(b"Bearer ")[2][:2] for message in GET.requests(SERVICE, CALLERS)]
        assert tokens == [b"t0", b"t1", b"t0", b"t1"]


class TestCheck:
    def test_another_answer_is_refused(self) -> None:
        LIST.check(Answer(200, b'{"items": [' + b",".join([b"1"] * 20) + b"]}"))
        for work, body in ((LIST, b'{"items": [1]}'), (GET, b'{"id": 1}'), (CREATE, b'{"title": "other"}')):
            with pytest.raises(UnexpectedAnswerError):
                work.check(Answer(200, body))


class TestSoak:
    def test_all_kinds_take_turns(self) -> None:
        assert soak._mixed([[b"a"], [b"b", b"c"]]) == [b"a", b"b", b"a", b"c"]

    def test_one_in_fifty_is_a_write(self) -> None:
        mixed = soak._with_writes([b"read"] * 200, [b"write"])
        assert mixed.count(b"write") == 4
        assert mixed[0] == b"write"
