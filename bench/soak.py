"""Memory under minutes of everything at once: what it grows by, and whether it goes on growing."""

from collections.abc import Iterator

import uvloop

from bench import load, targets
from bench.apps import SERVICE
from bench.figures import Figure
from bench.probes import MEGABYTE
from bench.stand import Stand
from bench.works import CACHED_GET, CACHED_LIST, CONNECTIONS, CREATE, GET, LIST

_WRITES_IN = 50
"""One request of so many is a create, so that an hour does not outgrow the table."""


def soak(stand: Stand, minutes: float) -> Iterator[Figure]:
    """The memory of a fresh worker at rest, half way and at the end of a mixed load."""
    with stand.serving(SERVICE) as server:
        try:
            at_rest = server.resident_bytes()
            callers = stand.callers(SERVICE, server)
            requests = _mixed([work.requests(SERVICE, callers) for work in (CACHED_LIST, CACHED_GET, GET, LIST)])
            requests = _with_writes(requests, CREATE.requests(SERVICE, callers))
            faults, sizes = list[str](), list[int]()
            for _half in range(2):
                result = uvloop.run(
                    load.run(
                        load.Load(
                            port=server.port,
                            requests=requests,
                            connections=CONNECTIONS,
                            seconds=minutes * 30,
                        )
                    )
                )
                server.empty_log()
                faults += result.faults
                sizes.append(server.resident_bytes())
        finally:
            stand.clean(SERVICE)
    half_way, after = sizes
    name = f"memory of a worker after {minutes:g} minutes of mixed load"
    yield Figure(name=name, values=[after / MEGABYTE], unit="MB", faults=faults)
    yield Figure(
        name=f"{name}, times that at rest",
        values=[after / at_rest],
        unit="x",
        bounds=targets.SOAKED_GROWTH,
        faults=faults,
    )
    yield Figure(name=f"{name}, times that half way", values=[after / half_way], unit="x", faults=faults)


def _mixed(kinds: list[list[bytes]]) -> list[bytes]:
    """All kinds in turn, each as often as every other."""
    longest = max(len(kind) for kind in kinds)
    return [kind[number % len(kind)] for number in range(longest) for kind in kinds]


def _with_writes(reads: list[bytes], writes: list[bytes]) -> list[bytes]:
    mixed = list[bytes]()
    for number, read in enumerate(reads):
        if number % _WRITES_IN == 0:
            mixed.append(writes[number // _WRITES_IN % len(writes)])
        mixed.append(read)
    return mixed
