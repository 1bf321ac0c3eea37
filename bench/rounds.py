"""Measures every work on every application, several times, in alternating order."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import uvloop

from bench import load
from bench.apps import App
from bench.messages import exchange
from bench.processes import SERVER_CORES, CpuMeter, Server, pin
from bench.samples import median, spread
from bench.stand import Stand
from bench.works import Work

_GENERATOR_LIMIT = 0.95
QUIET = 0.1
"""The share of the machine that other processes may take from a window before it is repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long and how often."""

    rounds: int = 5
    seconds: float = 1.5
    warmup_seconds: float = 0.4
    attempts: int = 2
    """How often a window is taken at most, in the hope of one that the machine leaves alone."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One window of one work on one application, with the CPU time that each answer cost."""

    result: load.Result
    server_us: float
    postgres_us: float
    redis_us: float
    server_cores_busy: float
    """CPU seconds of the server by the second: 1.0 is a whole core."""
    server_bytes: int
    """Memory of the server's largest process when the window closed."""
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
    while len(attempts) < pace.attempts:
        attempt = _window(stand, server, requests, connections=connections, pace=pace)
        if attempt.faults or attempt.others_busy <= QUIET:
            return attempt
        attempts.append(attempt)
    return min(attempts, key=lambda each: each.others_busy)


def _window(stand: Stand, server: Server, requests: Sequence[bytes], *, connections: int, pace: Pace) -> Measurement:
    meter = CpuMeter({"server": server.pid, **stand.pids})
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
        redis_us=meter.seconds.get("redis", 0.0) / answers * 1e6,
        server_cores_busy=meter.seconds["server"] / result.seconds,
        server_bytes=server.resident_bytes(),
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
    """Every work on every application that runs, `pace.rounds` times; every other round goes through them backwards.

    Raises UnexpectedAnswerError if an application does not do the work.
    """
    lines = [Line(work, app) for work in works for app in work.apps if app.name in servers]
    apps = {line.app.name: line.app for line in lines}
    callers = {name: stand.callers(app, servers[name]) for name, app in apps.items() if app.todos}
    requests = {id(line): line.work.requests(line.app, callers.get(line.app.name, ())) for line in lines}
    for line in lines:
        line.work.check(exchange(servers[line.app.name].port, requests[id(line)][0]))
    for app in apps.values():
        if app.todos:
            stand.clean(app)
    for number in range(pace.rounds):
        for line in reversed(lines) if number % 2 else lines:
            measurement = _on_its_cores(stand, servers[line.app.name], line, requests[id(line)], pace)
            line.measurements.append(measurement)
            say(
                f"round {number + 1}/{pace.rounds}  {line.work.name:<20} {line.app.name:<40}"
                f" {measurement.result.requests_per_second:>8,.0f}/s {measurement.server_us:>7,.0f} µs"
                f" {'  '.join(measurement.faults)}"
            )
    return lines


def _on_its_cores(stand: Stand, server: Server, line: Line, requests: Sequence[bytes], pace: Pace) -> Measurement:
    work = line.work
    if work.on_all_cores:
        pin(server.pid, None)
    pace = replace(pace, seconds=max(pace.seconds, work.at_least_seconds))
    try:
        return measure(stand, server, requests, connections=work.connections, pace=pace)
    finally:
        if work.on_all_cores and not line.app.on_all_cores:
            pin(server.pid, SERVER_CORES)
        if work.creates:
            stand.clean(line.app)
