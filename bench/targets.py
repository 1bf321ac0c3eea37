"""The figures that this service is built to reach, most of them as ratios to another application of the same run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.apps import (
    ASGI_HELLO,
    ASYNCPG,
    BEFORE,
    FASTAPI_ASYNCPG,
    FASTAPI_HELLO,
    FASTIFY,
    SERVICE,
    SERVICE_OF_WORKERS,
    SMALL_SERVICE,
    App,
)
from bench.works import CACHED_GET, CACHED_LIST, CREATE, GET, HELLO, LIST, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What must hold and what is aimed at; `at_most` where less is better."""

    must: float
    aim: float | None
    at_most: bool = False

    def verdict(self, value: float) -> str:
        """What the value reaches, judged to the two decimals that are shown."""
        if math.isnan(value):
            return "not measured"
        if self.aim is not None and self._holds(round(value, 2), self.aim):
            return "aim reached"
        return "must reached" if self._holds(round(value, 2), self.must) else "NOT reached"

    def __str__(self) -> str:
        sign = "≤" if self.at_most else "≥"
        return f"{sign} {self.must:g}" + (f" / {sign} {self.aim:g}" if self.aim is not None else "")

    def _holds(self, value: float, bound: float) -> bool:
        return value <= bound if self.at_most else value >= bound


class By(StrEnum):
    """How two lines are compared: the first two say how many times better, the others how many times dearer."""

    RATE = "requests/s, times those of"
    EFFICIENCY = "requests by CPU time, times those of"
    CPU = "CPU time, times that of"
    ALL_CPU = "CPU time with PostgreSQL's, times that of"
    LATENCY = "median latency, times that of"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One line against another of the same round."""

    ours: tuple[Work, App]
    theirs: tuple[Work, App]
    by: By
    bounds: Bounds | None = None

    @property
    def name(self) -> str:
        """For example "create: requests/s, times those of bare ASGI + asyncpg"."""
        (work, app), (their_work, their_app) = self.ours, self.theirs
        subject = work.name if app is SERVICE else f"{work.name}, {app.name}"
        return f"{subject}: {self.by} {their_work.name if their_app is app else their_app.name}"


def _at_least(must: float, aim: float) -> Bounds:
    return Bounds(must=must, aim=aim)


def _at_most(must: float, aim: float | None = None) -> Bounds:
    return Bounds(must=must, aim=aim, at_most=True)


def _against(other: App, by: By, *bounds: Bounds | None) -> list[Comparison]:
    """Get, list and create against the same works of another application."""
    works = (GET, LIST, CREATE)
    return [
        Comparison(ours=(work, SERVICE), theirs=(work, other), by=by, bounds=bound)
        for work, bound in zip(works, bounds, strict=True)
    ]


_AGAINST_BARE = (_at_least(0.40, 0.65), _at_least(0.50, 0.75), _at_least(0.50, 0.80))
_AGAINST_BEFORE = (_at_least(5, 9), _at_least(4, 7), _at_least(5, 10))

COMPARISONS: Sequence[Comparison] = (
    Comparison(ours=(CACHED_LIST, SERVICE), theirs=(HELLO, ASGI_HELLO), by=By.RATE, bounds=_at_least(0.40, 0.50)),
    Comparison(ours=(CACHED_LIST, SERVICE), theirs=(HELLO, FASTAPI_HELLO), by=By.RATE, bounds=_at_least(1.3, 1.8)),
    *(
        Comparison(ours=(cached, SERVICE), theirs=(uncached, SERVICE), by=by, bounds=_at_most(0.5))
        for cached, uncached in ((CACHED_LIST, LIST), (CACHED_GET, GET))
        for by in (By.CPU, By.LATENCY)
    ),
    *_against(ASYNCPG, By.RATE, *_AGAINST_BARE),
    *_against(ASYNCPG, By.EFFICIENCY, *_AGAINST_BARE),
    *_against(FASTIFY, By.EFFICIENCY, _at_least(0.45, 1.0), _at_least(0.65, 1.0), _at_least(0.45, 1.0)),
    *_against(FASTAPI_ASYNCPG, By.EFFICIENCY, None, None, None),
    *_against(BEFORE, By.RATE, *_AGAINST_BEFORE),
    *_against(BEFORE, By.EFFICIENCY, *_AGAINST_BEFORE),
    *_against(SMALL_SERVICE, By.LATENCY, *(_at_most(2, 1.3),) * 3),
    *_against(SMALL_SERVICE, By.ALL_CPU, *(_at_most(2, 1.3),) * 3),
    *(
        Comparison(ours=(work, SERVICE_OF_WORKERS), theirs=(work, SERVICE), by=By.RATE)
        for work in (CACHED_LIST, CACHED_GET, CREATE)
    ),
)

MIDDLEWARE_US = _at_most(25, 12)
CROWDED_P99_MS = _at_most(15, 8)
DEEP_PAGE = _at_most(1.2, 1.0)
HERD_QUERIES = _at_most(1)
LOGIN_SHARE = _at_least(0.6, 0.8)
LIVE_P99_MS = _at_most(50)
WORKER_MB = _at_most(130, 100)
SOAKED_GROWTH = _at_most(1.10, 1.0)
START_SECONDS = _at_most(3, 1.5)
