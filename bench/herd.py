"""What a crowd costs PostgreSQL that asks for one list at the moment when no cache holds it."""

from collections.abc import Iterator
from dataclasses import replace

import uvloop

from bench import data, load, targets
from bench.apps import SERVICE, SERVICE_OF_WORKERS, App
from bench.databases import statements_of
from bench.figures import Figure
from bench.messages import exchange, request
from bench.processes import Server
from bench.rounds import Pace
from bench.stand import Stand, sign_in
from bench.works import PAGE

HERD = 300
_ONCE_SECONDS = 60.0
"""So long does a connection wait after its answer: it asks once."""


def herd(stand: Stand, pace: Pace) -> Iterator[Figure]:
    """Statements for 300 concurrent requests of one list after FLUSHALL, by process; at most one is needed.

    They are counted in PostgreSQL's log, which this service is started with for the occasion.
    """
    for app in (SERVICE, SERVICE_OF_WORKERS):
        with stand.serving(_logged(stand, app)) as server:
            counts, faults = _counts(stand, server, app, pace.rounds)
        workers = int(app.settings.get("WORKERS", 1))
        yield Figure(
            name=f"queries by process for {HERD} concurrent gets of one uncached list: {app.name}",
            values=[count / workers for count in counts],
            unit="",
            bounds=targets.HERD_QUERIES,
            faults=faults,
        )


def _logged(stand: Stand, app: App) -> App:
    """The application with a database address that makes its connections log every statement."""
    url = f"{stand.database_urls[app.database]}&log_statement=all"
    return replace(app, settings={**app.settings, "DATABASE_URL": url})


def _counts(stand: Stand, server: Server, app: App, rounds: int) -> tuple[list[int], list[str]]:
    path, token = f"{app.todos}?limit={PAGE}", sign_in(app, server.port, data.DEEP_EMAIL)
    message = request("GET", path, token=token)
    counts, faults = list[int](), set[str]()
    for _ in range(rounds):
        exchange(server.port, message).document()
        before = stand.postgres_log.stat().st_size
        exchange(server.port, request("GET", path, token=token, uncached=True)).document()
        if _logged_since(stand, before) != 1:
            faults.add(f"one uncached request logged {_logged_since(stand, before)} queries: nothing can be counted")
        stand.empty_cache()
        before = stand.postgres_log.stat().st_size
        result = uvloop.run(
            load.run(
                load.Load(
                    port=server.port,
                    requests=[message],
                    connections=HERD,
                    count=HERD,
                    seconds=_ONCE_SECONDS / 2,
                    interval_seconds=_ONCE_SECONDS,
                )
            )
        )
        faults.update(result.faults)
        counts.append(_logged_since(stand, before))
    return counts, sorted(faults)


def _logged_since(stand: Stand, position: int) -> int:
    with stand.postgres_log.open("rb") as log:
        log.seek(position)
        return len(statements_of(log.read().decode(errors="replace"), "todos"))
