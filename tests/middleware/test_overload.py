"""Tests of places as requests hold them: who is counted, what is answered, and what the limit learns from."""

import asyncio
import json

import pytest
from starlette.types import Receive, Scope, Send

from app.admission import Admission
from app.concurrency_limit import WINDOW_SAMPLES, ConcurrencyLimit
from app.middleware.overload import MEASURED_KINDS, Overload
from tests.middleware.house import TODOS, House, asking, silent

ask = pytest.fixture(asking)


class TestWhoIsCounted:
    @pytest.mark.parametrize(
        ("method", "path", "name"),
        [
            ("GET", TODOS, "reads"),
            ("HEAD", TODOS, "reads"),
            ("POST", TODOS, "writes"),
            ("PATCH", f"{TODOS}/1", "writes"),
            ("PUT", f"{TODOS}/1", "writes"),
            ("DELETE", f"{TODOS}/1", "writes"),
            ("POST", "/api/v2/auth/refresh", "writes"),
            ("POST", "/api/v1/auth/login", "passwords"),
            ("POST", "/api/v2/auth/password/change", "passwords"),
            ("GET", f"{TODOS}/export", "exports"),
            ("GET", "/api/v2/events", "reads"),
            ("GET", "/api/v2/me/exports/1/archive", "reads"),
        ],
    )
    async def test_each_request_belongs_to_a_lane(self, ask, method: str, path: str, name: str):
        house = House()
        ask(house, path, method)
        await house.until(in_progress=1)
        lanes = house.admission.snapshot().lanes
        assert {lane for lane, counts in lanes.items() if counts.in_progress} == {name}

    @pytest.mark.parametrize("path", ["/health", "/health/live", "/metrics"])
    async def test_health_and_metrics_never_wait(self, exchange, ask, path: str):
        house = House(max_waiting=0)
        ask(house)
        await house.until(in_progress=1)
        house.open.set()
        answer = await exchange(house.layer, path)
        assert answer.status == 204

    async def test_what_is_not_http_passes_through(self, passes_through):
        admission = Admission(ConcurrencyLimit(most=1), max_waiting=0)
        assert await passes_through(lambda app: Overload(app, admission=admission))


class TestRefusal:
    async def test_it_is_a_503_that_says_when_to_come_back(self, exchange, ask):
        house = House(max_waiting=0)
        ask(house)
        await house.until(in_progress=1)
        answer = await exchange(house.layer, TODOS)
        assert answer.status == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert 1 <= int(answer.headers["retry-after"]) <= 30
        assert json.loads(answer.body)["code"] == answer.scope["error_code"] == "OVERLOADED"
        assert house.inside == [TODOS]

    async def test_below_version_1_it_has_the_older_envelope(self, exchange, ask):
        house = House(max_waiting=0)
        ask(house)
        await house.until(in_progress=1)
        answer = await exchange(house.layer, "/api/v1/todos")
        assert json.loads(answer.body)["error"]["code"] == "OVERLOADED"

    async def test_whoever_waits_too_long_is_refused(self, exchange, ask):
        house = House()
        ask(house)
        await house.until(in_progress=1)
        async with asyncio.timeout(5):
            answer = await exchange(house.layer, TODOS, receive=silent)
        assert answer.status == 503
        await house.until(waiting=0, in_progress=1)


class TestLongAnswers:
    @pytest.mark.parametrize(
        ("path", "held"), [("/api/v2/events", 0), ("/api/v2/me/exports/1/archive", 0), (f"{TODOS}/export", 1)]
    )
    async def test_a_stream_gives_its_place_back_with_its_head_and_an_export_keeps_it(
        self, exchange, path: str, held: int
    ):
        admission = Admission(ConcurrencyLimit(most=4, kinds=MEASURED_KINDS), max_waiting=0)
        seen = list[int]()

        async def stream(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(admission.in_progress)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            seen.append(admission.in_progress)
            await send({"type": "http.response.body", "body": b"x", "more_body": True})

        await exchange(Overload(stream, admission=admission), path)
        assert seen == [1, held]
        assert admission.in_progress == 0

    async def test_a_stream_that_fails_before_its_head_gives_its_place_back(self, exchange):
        admission = Admission(ConcurrencyLimit(most=4, kinds=MEASURED_KINDS), max_waiting=0)

        async def fail(scope: Scope, receive: Receive, send: Send) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await exchange(Overload(fail, admission=admission), "/api/v2/events")
        assert admission.in_progress == 0


class TestLearning:
    @pytest.mark.parametrize(
        ("method", "path", "error_code", "is_reached_then"),
        [
            ("GET", TODOS, None, False),
            ("POST", TODOS, None, False),
            ("GET", TODOS, "DATABASE_POOL_EXHAUSTED", False),
            ("GET", TODOS, "REQUEST_TIMEOUT", False),
            ("GET", TODOS, "NOT_AUTHENTICATED", True),
            ("POST", TODOS, "VALIDATION_FAILED", True),
            ("POST", "/api/v2/auth/login", None, True),
            ("POST", f"{TODOS}/batch", None, True),
            ("GET", f"{TODOS}/export", None, True),
            ("GET", "/api/v2/events", None, True),
        ],
    )
    async def test_only_short_work_that_was_done_or_could_not_be_done_in_time(
        self, exchange, method: str, path: str, error_code: str | None, is_reached_then: object
    ):
        house = House(places=WINDOW_SAMPLES, error_code=error_code)
        house.open.set()
        house.admission.limit.was_reached = True
        for _ in range(WINDOW_SAMPLES):
            await exchange(house.layer, path, method=method)
        # A window that was learned from is over, and the next one has not been reached.
        assert house.admission.limit.was_reached is is_reached_then
