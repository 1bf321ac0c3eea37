"""The figures that are not a throughput: tails under contention, depth of paging, start, memory, login."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import quote

import uvloop
from argon2 import PasswordHasher

from app.domain.identity.passwords import LANES, MEMORY_KIB, PASSES
from bench import data, load, targets
from bench.apps import ASYNCPG, BEFORE, FASTAPI_ASYNCPG, SERVICE
from bench.figures import Figure
from bench.messages import exchange, request
from bench.processes import CAN_PIN, SERVER_CORES, Server, pin
from bench.rounds import Measurement, Pace, measure
from bench.stand import Stand, sign_in
from bench.works import GET, LOGIN, PAGE

_CROWD = 64
_SMALL_POOL = 8
_DEEP_PAGES = 1_000
MEGABYTE = 1_000_000


def crowd(stand: Stand, pace: Pace) -> Iterator[Figure]:
    """The 99th percentile of uncached gets where 64 connections share a pool of 8."""
    for app in (SERVICE, ASYNCPG, FASTAPI_ASYNCPG, BEFORE):
        with stand.serving(app, pool=_SMALL_POOL) as server:
            requests = GET.requests(app, stand.callers(app, server))
            rounds = [measure(stand, server, requests, connections=_CROWD, pace=pace) for _ in range(pace.rounds)]
        yield Figure(
            name=f"p99 of {GET.name}, {_CROWD} connections on a pool of {_SMALL_POOL}: {app.name}",
            values=[each.result.p99_ms for each in rounds],
            unit="ms",
            bounds=targets.CROWDED_P99_MS if app is SERVICE else None,
            faults=_faults(rounds),
        )


def depth(stand: Stand, server: Server, pace: Pace) -> Iterator[Figure]:
    """How much longer a page far back takes than the first: by a thousand cursors, and by its number."""
    token = sign_in(SERVICE, server.port, data.DEEP_EMAIL)
    first = _get(f"{SERVICE.todos}?limit={PAGE}", token)
    page, last = _follow(server.port, first, token)
    yield _against_first(stand, server, pace, (first, last), f"page {page:,} by cursor", targets.DEEP_PAGE)
    # Just as deep, but on pages of twice the size: version 1 has no page with a number over 500.
    size, number = 2 * PAGE, max(page // 2, 1)
    numbered = [_get(f"{SERVICE.numbered_todos}?page_size={size}&page={each}", token) for each in (1, number)]
    name = f"page {number:,} of {size} by number (OFFSET)"
    yield _against_first(stand, server, pace, (numbered[0], numbered[1]), name, None)


def _against_first(
    stand: Stand,
    server: Server,
    pace: Pace,
    pages: tuple[bytes, bytes],
    name: str,
    bounds: targets.Bounds | None,
) -> Figure:
    first, last = pages
    rounds = {first: list[Measurement](), last: list[Measurement]()}
    for number in range(pace.rounds):
        for message in (first, last) if number % 2 else (last, first):
            rounds[message].append(measure(stand, server, [message], connections=4, pace=pace))
    return Figure(
        name=f"{name}, times the median latency of page 1",
        values=[
            deep.result.p50_ms / shallow.result.p50_ms
            for deep, shallow in zip(rounds[last], rounds[first], strict=True)
        ],
        unit="x",
        bounds=bounds,
        faults=_faults(rounds[first] + rounds[last]),
    )


def _get(path: str, token: str) -> bytes:
    return request("GET", path, token=token, uncached=True)


def start(stand: Stand, running: Server, pace: Pace) -> Iterator[Figure]:
    """How long the service takes to its first answer out of the database, and the memory of its worker."""
    token = sign_in(SERVICE, running.port, data.DEEP_EMAIL)
    first_page = request("GET", f"{SERVICE.todos}?limit=1", token=token)
    seconds, at_rest = [], []
    for _ in range(pace.rounds):
        with stand.serving(SERVICE, awaited=first_page) as server:
            seconds.append(server.first_answer_seconds)
            at_rest.append(server.resident_bytes() / MEGABYTE)
    yield Figure(name="`todo serve` to its first page of todos", values=seconds, unit="s", bounds=targets.START_SECONDS)
    yield Figure(name="memory of a worker at rest", values=at_rest, unit="MB", bounds=targets.WORKER_MB)
    under_load = running.resident_bytes() / MEGABYTE
    yield Figure(name="memory of the worker that took this run's load", values=[under_load], unit="MB")


def login(stand: Stand, server: Server, pace: Pace) -> Iterator[Figure]:
    """Logins against what argon2 alone allows this machine at that time, and whether the service lives meanwhile."""
    requests = LOGIN.requests(SERVICE, stand.callers(SERVICE, server))
    pace = replace(pace, seconds=max(pace.seconds, LOGIN.at_least_seconds))
    limits, alive, logged_in = list[float](), list[load.Result](), list[load.Result]()
    pin(server.pid, None)
    try:
        for _ in range(pace.rounds):
            limits.append(_argon2_limit(pace.seconds))
            health, logins = uvloop.run(_alive_meanwhile(server, requests, pace))
            alive.append(health)
            logged_in.append(logins)
    finally:
        pin(server.pid, SERVER_CORES)
    faults = sorted({fault for result in alive + logged_in for fault in result.faults})
    yield Figure(name="argon2id with this service's parameters, all cores", values=limits, unit="hashes/s")
    yield Figure(
        name="login, share of that limit",
        values=[result.requests_per_second / limit for result, limit in zip(logged_in, limits, strict=True)],
        unit="",
        bounds=targets.LOGIN_SHARE,
        faults=faults,
    )
    yield Figure(
        name=f"p99 of {SERVICE.hello} while {LOGIN.connections} connections log in",
        values=[result.p99_ms for result in alive],
        unit="ms",
        bounds=targets.LIVE_P99_MS,
        faults=faults,
    )


async def _alive_meanwhile(server: Server, logins: Sequence[bytes], pace: Pace) -> tuple[load.Result, load.Result]:
    """Health under logins, and the logins. One client asks a hundred times a second at most."""
    alive, logged_in = await asyncio.gather(
        load.run(
            load.Load(
                port=server.port,
                requests=[request("GET", SERVICE.hello)],
                connections=1,
                seconds=pace.seconds,
                warmup_seconds=pace.warmup_seconds,
                interval_seconds=0.01,
            )
        ),
        load.run(
            load.Load(
                port=server.port,
                requests=logins,
                connections=LOGIN.connections,
                seconds=pace.seconds,
                warmup_seconds=pace.warmup_seconds,
            )
        ),
    )
    return alive, logged_in


def _argon2_limit(seconds: float) -> float:
    """Verifications a second on all cores, by as many threads, with nothing else to do."""
    hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
    password_hash = hasher.hash(data.PASSWORD)
    threads = os.cpu_count() or 1

    def verify_until(deadline: float) -> int:
        if CAN_PIN:
            os.sched_setaffinity(0, range(threads))
        done = 0
        while time.perf_counter() < deadline:
            hasher.verify(password_hash, data.PASSWORD)
            done += 1
        return done

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(verify_until, [started + seconds] * threads))
    return done / (time.perf_counter() - started)


def _follow(port: int, first: bytes, token: str) -> tuple[int, bytes]:
    """The request for page 1,000, or for the last page if there are fewer, and its number."""
    number, message = 1, first
    while number < _DEEP_PAGES:
        page = exchange(port, message).document()["page"]
        cursor = page["next_cursor"] if isinstance(page, dict) else None
        if not isinstance(cursor, str):
            break
        number += 1
        message = _get(f"{SERVICE.todos}?limit={PAGE}&cursor={quote(cursor)}", token)
    return number, message


def _faults(rounds: Sequence[Measurement]) -> list[str]:
    return sorted({fault for each in rounds for fault in each.faults})
