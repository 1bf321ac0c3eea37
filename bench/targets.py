"""The figures that this service is built to reach, most of them as ratios to another application of the same run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bench.apps import ASYNCPG, BEFORE
from bench.works import CREATE, GET, LIST


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


RATIOS: Mapping[tuple[str, str], Bounds] = {
    (GET.name, ASYNCPG.name): Bounds(must=0.40, aim=0.65),
    (LIST.name, ASYNCPG.name): Bounds(must=0.50, aim=0.75),
    (CREATE.name, ASYNCPG.name): Bounds(must=0.50, aim=0.80),
    (GET.name, BEFORE.name): Bounds(must=5, aim=9),
    (LIST.name, BEFORE.name): Bounds(must=4, aim=7),
    (CREATE.name, BEFORE.name): Bounds(must=5, aim=10),
}
"""By the names of work and other application: how many times its throughput, or how many times less CPU."""

MIDDLEWARE_US = Bounds(must=25, aim=12, at_most=True)
CROWDED_P99_MS = Bounds(must=15, aim=8, at_most=True)
DEEP_PAGE = Bounds(must=1.2, aim=1.0, at_most=True)
LOGIN_SHARE = Bounds(must=0.6, aim=0.8)
LIVE_P99_MS = Bounds(must=50, aim=None, at_most=True)
WORKER_MB = Bounds(must=130, aim=100, at_most=True)
START_SECONDS = Bounds(must=3, aim=1.5, at_most=True)
