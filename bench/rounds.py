"""Measures every work on every application, several times, in alternating order."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import asyncpg
import uvloop

from bench import data, load
from bench.apps import App
from bench.messages import exchange
from bench.processes import SERVER_CORES, CpuMeter, Server, pin
from bench.samples import median, spread
from bench.stand import Stand
from bench.works import Caller, Work

_GENERATOR_LIMIT = 0.95
QUIET = 0.1
"""The share of the machine that other processes may take from a window before it is repeated."""
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long and how often."""

    rounds: int = 5
    seconds: float = 3.0
    warmup_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Measurement:
    """One window of one work on one application, with the CPU time that each answer cost."""

    result: load.Result
    server_us: float
    postgres_us: float
    server_cores_busy: float
    """CPU seconds of the server by the second: 1.0 is a whole core."""
    others_busy: float
    """The share of the whole machine that went to processes which do not belong to the benchmark."""

    @property
    def faults(self) -> list[str]:
        """Why it must not be believed: what went wrong, or that the generator could not keep up with the server."""
        busy = self.result.generator_busy
        if busy > _GENERATOR_LIMIT:
            return [*self.result.faults, f"the load generator was the limit, busy for {busy:.0%} of the time"]
        return self.result.faults


@dataclass(frozen=True, slots=True)
class Line:
    """All rounds of one work on one application."""

    work: Work
    app: App
    measurements: list[Measurement] = field(default_factory=list)

    def median(self, value: Callable[[Measurement], float]) -> float:
        """The median round."""
        return median([value(each) for each in self.measurements])

    @property
    def requests_per_second(self) -> float:
        """Of the median round."""
        return self.median(lambda each: each.result.requests_per_second)

    @property
    def spread(self) -> float:
        """Of the requests per second, as a share of their median."""
        return spread([each.result.requests_per_second for each in self.measurements])

    @property
    def server_us(self) -> float:
        """CPU time of the server's processes for each answer, in microseconds, of the median round."""
        return self.median(lambda each: each.server_us)

    @property
    def faults(self) -> list[str]:
        """Why the line must not be believed."""
        return sorted({fault for each in self.measurements for fault in each.faults})


def measure(stand: Stand, server: Server, requests: Sequence[bytes], *, connections: int, pace: Pace) -> Measurement:
    """One window of load on one server. Repeated while others use the machine; then the quietest window counts.

    Only a window in which every request was answered is repeated: a fault is never measured away.
    """
    attempts: list[Measurement] = []
    while len(attempts) < _ATTEMPTS:
        attempt = _window(stand, server, requests, connections=connections, pace=pace)
        if attempt.faults or attempt.others_busy <= QUIET:
            return attempt
        attempts.append(attempt)
    return min(attempts, key=lambda each: each.others_busy)


def _window(stand: Stand, server: Server, requests: Sequence[bytes], *, connections: int, pace: Pace) -> Measurement:
    meter = CpuMeter({"server": server.pid, "postgres": stand.postgres_pid})
    applied = load.Load(
        port=server.port,
        requests=requests,
        connections=connections,
        seconds=pace.seconds,
        warmup_seconds=pace.warmup_seconds,
    )
    result = uvloop.run(load.run(applied, meter))
    server.empty_log()
    answers = result.requests or math.nan
    used_seconds = sum(meter.seconds.values()) + result.generator_busy * result.seconds
    return Measurement(
        result,
        server_us=meter.seconds["server"] / answers * 1e6,
        postgres_us=meter.seconds["postgres"] / answers * 1e6,
        server_cores_busy=meter.seconds["server"] / result.seconds,
        others_busy=max(meter.machine_seconds - used_seconds, 0.0) / result.seconds / (os.cpu_count() or 1),
    )


def run(
    stand: Stand,
    servers: Mapping[str, Server],
    works: Sequence[Work],
    *,
    pace: Pace,
    say: Callable[[str], None],
) -> list[Line]:
    """Every work on every application, `pace.rounds` times; every other round goes through them backwards.

    Raises UnexpectedAnswerError if an application does not do the work.
    """
    apps = {app.name: app for work in works for app in work.apps}.values()
    callers = {app.name: stand.callers(app, servers[app.name]) for app in apps if app.todos}
    lines = [Line(work, app) for work in works for app in work.apps]
    for line in lines:
        requests = _requests(line, callers)
        line.work.check(exchange(servers[line.app.name].port, requests[0]))
    uvloop.run(_clean(stand))
    for number in range(pace.rounds):
        for line in reversed(lines) if number % 2 else lines:
            measurement = _on_its_cores(stand, servers[line.app.name], line, _requests(line, callers), pace)
            line.measurements.append(measurement)
            say(
                f"round {number + 1}/{pace.rounds}  {line.work.name:<12} {line.app.name:<40}"
                f" {measurement.result.requests_per_second:>8,.0f}/s {measurement.server_us:>7,.0f} µs"
                f" {'  '.join(measurement.faults)}"
            )
    return lines


def _requests(line: Line, callers: Mapping[str, Sequence[Caller]]) -> list[bytes]:
    return line.work.requests(line.app, callers.get(line.app.name, ()))


def _on_its_cores(stand: Stand, server: Server, line: Line, requests: Sequence[bytes], pace: Pace) -> Measurement:
    work = line.work
    if work.on_all_cores:
        pin(server.pid, None)
    pace = replace(pace, seconds=max(pace.seconds, work.at_least_seconds))
    try:
        return measure(stand, server, requests, connections=work.connections, pace=pace)
    finally:
        if work.on_all_cores:
            pin(server.pid, SERVER_CORES)
        if work.creates:
            uvloop.run(_clean(stand))


async def _clean(stand: Stand) -> None:
    """The table as it was, and a checkpoint behind it, so that no application pays for what another has written."""
    await data.remove_created(stand.database_url)
    connection = await asyncpg.connect(stand.database_url)
    try:
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
