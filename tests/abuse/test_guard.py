"""What becomes of clients, as they see it: nothing, a delay, a block; and what never becomes of whom."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.abuse.guard import Guard
from app.abuse.scores import Scored
from app.abuse.signals import Signal
from tests.abuse.attacked import TRAPS, spring_traps
from tests.abuse.conftest import Visitor
from tests.valkey_servers import until

NOWHERE = "/api/v2/todos/0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a"


async def until_blocked(guard: Guard, address: str) -> None:
    await until(lambda: guard.blocklist.seconds_left(address) > 0 and not guard._tasks)


class TestBlocked:
    async def test_traps_block_and_the_refusal_says_for_how_long(self, visit: Visitor, guard: Guard, address: str):
        http = visit(address)
        await spring_traps(http)
        await until_blocked(guard, address)
        refused = await http.get("/api/v2/todos")
        assert refused.status_code == 429
        assert refused.json()["code"] == "ADDRESS_BLOCKED"
        assert 890 <= int(refused.headers["retry-after"]) <= 900

    @pytest.mark.parametrize("path", ["/", "/nowhere", "/api/v2/todos", "/api/v1/todos", "/docs/v2", "/.env"])
    @pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "BREW"])
    async def test_every_path_and_method_is_refused(
        self, visit: Visitor, guard: Guard, address: str, path: str, method: str
    ):
        guard.blocklist.hold(address, 60)
        refused = await visit(address).request(method, path, headers={"Authorization": "Bearer x.y.z"})
        assert refused.status_code == 429
        error = refused.json()
        assert error.get("code") == "ADDRESS_BLOCKED" or error["error"]["code"] == "ADDRESS_BLOCKED"
        assert refused.headers["x-content-type-options"] == "nosniff"

    async def test_health_still_answers(self, visit: Visitor, guard: Guard, address: str):
        guard.blocklist.hold(address, 60)
        assert (await visit(address).get("/health/live")).status_code == 200

    async def test_everybody_else_is_served(self, visit: Visitor, guard: Guard, address: str, addresses: Iterator[str]):
        guard.blocklist.hold(address, 60)
        assert (await visit(next(addresses)).get("/")).status_code == 200

    async def test_all_addresses_of_one_ipv6_network_are_one_client(self, visit: Visitor, guard: Guard):
        net = f"2001:db8:{time.time_ns() & 0xFFFF:x}:{time.time_ns() >> 16 & 0xFFFF:x}"
        await visit(f"{net}::1").get(TRAPS[0])
        await visit(f"{net}:ffff::2").get(TRAPS[1])
        await until(lambda: guard.blocklist.seconds_left(f"{net}::/64") > 0)
        assert (await visit(f"{net}::3").get("/")).status_code == 429

    async def test_a_longer_one_is_not_shortened_by_what_was_under_way(self, guard: Guard, address: str):
        enough = Scored(10_000, (Signal.TRAP,))
        await guard._decide(address, enough)
        guard.blocklist.hold(address, 7200)
        await guard._decide(address, enough)
        assert guard.blocklist.seconds_left(address) > 7000

    async def test_a_block_ends_by_itself(self, visit: Visitor, guard: Guard, address: str):
        guard.blocklist.hold(address, 0.2)
        http = visit(address)
        assert (await http.get("/")).status_code == 429
        await until(lambda: guard.blocklist.seconds_left(address) == 0)
        # Redis was told a moment later, so it forgets a moment later.
        statuses = [429]
        while statuses[-1] == 429 and len(statuses) < 100:
            await asyncio.sleep(0.01)
            statuses.append((await http.get("/")).status_code)
        assert statuses[-1] == 200


class TestTraps:
    @pytest.mark.parametrize("path", TRAPS)
    async def test_a_trap_answers_as_any_path_that_is_not_there(self, visit: Visitor, address: str, path: str):
        http = visit(address)
        trap, other = await http.get(path), await http.get("/nowhere")
        assert trap.status_code == other.status_code == 404
        volatile = {"instance", "request_id"}
        assert {k: v for k, v in trap.json().items() if k not in volatile} == {
            k: v for k, v in other.json().items() if k not in volatile
        }
        assert set(trap.headers) == set(other.headers)

    async def test_one_of_them_does_not_block_however_often(self, visit: Visitor, guard: Guard, address: str):
        http = visit(address)
        for _ in range(10):
            await http.get(TRAPS[0])
        await until(lambda: not guard._tasks)
        assert guard.blocklist.seconds_left(address) == 0

    async def test_pictures_on_another_site_do_not_block_whoever_looks_at_it(
        self, visit: Visitor, guard: Guard, address: str
    ):
        http = visit(address)
        before = dict(guard.counts.signals)
        for path in (*TRAPS, "/.git/config", "/nowhere", "/api/v2/todos?limit=%FF"):
            await http.get(path, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"})
        assert guard.counts.signals == before
        assert (await http.get("/")).status_code == 200

    async def test_a_request_that_no_page_can_force_counts_whatever_it_says(
        self, visit: Visitor, guard: Guard, address: str
    ):
        http = visit(address)
        headers = {"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer x"}
        for path in TRAPS:
            await http.get(path, headers=headers)
        await until_blocked(guard, address)


class TestWalks:
    async def test_a_hundred_different_things_that_are_not_there_block(
        self, visit: Visitor, guard: Guard, address: str
    ):
        before = guard.counts.signals.get(Signal.ID_WALK, 0)
        for number in range(100):
            guard.note(Signal.ID_WALK, client_key=address, what=f"/api/v2/todos/{number}")
        await until_blocked(guard, address)
        assert guard.counts.signals[Signal.ID_WALK] == before + 100

    async def test_the_same_one_again_and_again_does_not(self, visit: Visitor, guard: Guard, address: str):
        for _ in range(300):
            guard.note(Signal.ID_WALK, client_key=address, what=NOWHERE)
        await until(lambda: not guard._tasks)
        assert guard.blocklist.seconds_left(address) == 0

    async def test_a_request_for_what_is_not_there_is_a_step(self, visit: Visitor, guard: Guard, address: str):
        before = guard.counts.signals.get(Signal.ID_WALK, 0)
        assert (await visit(address).get("/problems/none")).status_code == 404
        assert guard.counts.signals[Signal.ID_WALK] == before + 1

    async def test_fifty_unknown_paths_block(self, visit: Visitor, guard: Guard, address: str):
        http = visit(address)
        for number in range(50):
            await http.get(f"/admin{number}.php")
        await until_blocked(guard, address)


class TestHints:
    async def test_hours_of_malformed_requests_and_odd_contents_never_block_by_themselves(
        self, guard: Guard, address: str, monkeypatch: pytest.MonkeyPatch
    ):
        moments = itertools.count()
        monkeypatch.setattr("app.abuse.guard._moment", lambda: next(moments))
        for _ in range(200):
            for signal in (Signal.MALFORMED, Signal.BAD_TOKEN, Signal.CONTENT_SQL, Signal.CONTENT_SCRIPT):
                guard.note(signal, client_key=address, what="")
        await until(lambda: not guard._tasks)
        assert guard.blocklist.seconds_left(address) == 0
        assert guard.delay_seconds(address) == 0.5

    async def test_a_burst_of_them_counts_once(self, guard: Guard, address: str, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("app.abuse.guard._moment", lambda: 1)
        for _ in range(200):
            guard.note(Signal.BROKEN_LIMIT, client_key=address, what="")
        await until(lambda: not guard._tasks)
        assert guard.delay_seconds(address) == 0

    async def test_what_a_request_looks_like_is_counted_if_it_was_refused(
        self, visit: Visitor, guard: Guard, address: str
    ):
        before = guard.counts.signals.get(Signal.CONTENT_TRAVERSAL, 0)
        await visit(address).get("/api/v2/..%2f..%2fetc/passwd")
        assert guard.counts.signals[Signal.CONTENT_TRAVERSAL] == before + 1

    async def test_and_not_if_it_was_answered(self, visit: Visitor, guard: Guard, address: str):
        before = dict(guard.counts.signals)
        answer = await visit(address).get("/", headers={"User-Agent": "<script>alert(1)</script>"})
        assert answer.status_code == 200
        assert guard.counts.signals == before


class TestSlowed:
    async def test_from_half_the_threshold_on_a_client_waits(self, visit: Visitor, guard: Guard, address: str):
        http = visit(address)
        await http.get(TRAPS[0])
        await until(lambda: guard.delay_seconds(address) > 0)
        began = time.monotonic()
        assert (await http.get("/")).status_code == 200
        assert time.monotonic() - began >= 0.5

    async def test_below_it_nobody_waits(self, visit: Visitor, guard: Guard, address: str):
        http = visit(address)
        for number in range(10):
            await http.get(f"/nowhere{number}")
        await until(lambda: not guard._tasks)
        assert guard.delay_seconds(address) == 0

    async def test_a_hundred_wait_and_the_others_are_told_to_come_later(
        self, visit: Visitor, guard: Guard, address: str
    ):
        guard._slow(address, 0.5)
        http = visit(address)
        answers = await asyncio.gather(*(http.get("/") for _ in range(130)))
        told = [answer for answer in answers if answer.status_code == 429]
        assert len(told) == 30
        assert {answer.json()["code"] for answer in told} == {"ADDRESS_SLOWED"}
        assert {answer.headers["retry-after"] for answer in told} == {"1"}


class TestDurable:
    async def test_a_block_is_stored_with_what_led_to_it(
        self, visit: Visitor, guard: Guard, address: str, rows_of: Callable[..., Any]
    ):
        http = visit(address)
        await http.get("/nowhere")
        await spring_traps(http)
        await until_blocked(guard, address)
        [row] = await rows_of(address)
        assert (row["strike"], row["signals"], row["score"]) == (1, ["trap", "unknown_path"], 5.1)
        assert (row["until"] - row["since"]).total_seconds() == 900

    async def test_the_next_one_is_twice_as_long(
        self, visit: Visitor, guard: Guard, address: str, rows_of: Callable[..., Any]
    ):
        http = visit(address)
        lengths = []
        for strike in range(1, 4):
            await spring_traps(http)
            await until_blocked(guard, address)
            rows = await rows_of(address)
            assert len(rows) == strike
            lengths.append((rows[-1]["until"] - rows[-1]["since"]).total_seconds())
            await rows_of(address, "UPDATE address_blocks SET until = now() WHERE client_key = $1")
            guard.blocklist.release(address)
        assert lengths == [900, 1800, 3600]
