"""The background process: what has to be done every so often, listed; each job alone, none in another's way.

Jobs are idempotent, so any number of workers may run, and a job cut off by a stop is simply done again.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from app.cache.announcing import discard_outdated
from app.domain.audit import commands as audit
from app.domain.audit import verification
from app.domain.blocks import commands as blocks
from app.domain.erasure import commands as erasure
from app.domain.exports import building as exports_building
from app.domain.exports import commands as exports
from app.domain.identity import api_key_commands, challenges, enrolment
from app.domain.identity import commands as identity
from app.domain.messages import commands as messages
from app.domain.projects import commands as projects
from app.domain.todos import commands as todos
from app.draining import Draining
from app.erasure_replay import means_of, replay_ledger
from app.lifespan import Services, running_services
from app.outbound.provider import Channel
from app.settings import Settings
from app.telemetry.logging import get_logger

log = get_logger(__name__)

# A job that runs every second says so only when it has done something.
TALKATIVE_FROM = timedelta(minutes=1)
# Before a job that failed is tried again, at least: a bug must not fill the log.
FAILED_PAUSE_SECONDS = 5.0

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Job:
    """Something to do every `interval`; `run` returns how many rows it touched."""

    name: str
    interval: timedelta
    run: Callable[[Services], Awaitable[int]]


def _deliver(channel: Channel) -> Job:
    """Each channel by itself: a mail server that is slow holds up no text message."""

    async def run(services: Services) -> int:
        return await messages.deliver(services.database, services.cipher, services.providers.of(channel), channel)

    return Job(f"deliver_{channel}", timedelta(seconds=1), run)


async def _build_exports(services: Services) -> int:
    kept = timedelta(hours=services.settings.privacy.export_retention_hours)
    return await exports_building.build_due(services.database, services.cipher, kept=kept)


async def _erase_due(services: Services) -> int:
    return await erasure.erase_due(services.database, means_of(services.settings))


async def _replay_ledger(services: Services) -> int:
    """For a database that was restored while processes use it; nobody should, and those who do serve the erased."""
    return await replay_ledger(services.database, means_of(services.settings))


async def _keep_ledger(services: Services) -> int:
    """What another machine has erased is written down here."""
    ledger = means_of(services.settings).ledger
    return 0 if ledger is None else await erasure.keep_ledger(ledger, services.database)


JOBS = (
    _deliver("mail"),
    _deliver("sms"),
    Job("build_exports", timedelta(seconds=2), _build_exports),
    Job("purge_exports", timedelta(minutes=10), lambda services: exports.purge(services.database)),
    Job("purge_messages", timedelta(hours=1), lambda services: messages.purge(services.database)),
    # Todos before projects: what is purged with its project need not lose it first.
    Job("purge_todos", timedelta(hours=1), lambda services: todos.purge_trash(services.database)),
    Job("purge_projects", timedelta(hours=1), lambda services: projects.purge_trash(services.database)),
    Job("purge_sessions", timedelta(hours=1), lambda services: identity.purge_expired(services.database)),
    Job("purge_api_keys", timedelta(hours=1), lambda services: api_key_commands.purge_ended(services.database)),
    Job("purge_mailed_tokens", timedelta(minutes=10), lambda services: identity.purge_mailed_tokens(services.database)),
    Job("purge_blocks", timedelta(hours=1), lambda services: blocks.purge_ended(services.database)),
    Job("purge_login_challenges", timedelta(hours=1), lambda services: challenges.purge_expired(services.database)),
    Job("purge_second_factors", timedelta(hours=1), lambda services: enrolment.purge_stale(services.database)),
    Job("make_audit_months", timedelta(hours=6), lambda services: audit.make_months(services.database)),
    Job("witness_audit_log", timedelta(days=1), lambda services: verification.witness(services.database)),
    Job("drop_audit_months", timedelta(hours=6), lambda services: audit.drop_old_months(services.database)),
    Job("erase_accounts", timedelta(minutes=1), _erase_due),
    Job("replay_erasures", timedelta(minutes=1), _replay_ledger),
    Job("keep_erasure_ledger", timedelta(hours=1), _keep_ledger),
    Job("discard_cache_touches", timedelta(minutes=10), lambda services: discard_outdated(services.database)),
)


async def work(settings: Settings, *, jobs: tuple[Job, ...] = JOBS) -> None:
    """Runs the jobs until SIGTERM or SIGINT; those that are running then have SHUTDOWN_GRACE_SECONDS to finish."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        stopping.set()
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)  # A second signal ends the process at once.

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    async with running_services(settings, Draining(), application_name="todo-worker") as services:
        log.info("worker started", jobs=[job.name for job in jobs])
        await _first_of(services.replay, stopping)
        tasks = [asyncio.create_task(repeat(job, services, stopping), name=job.name) for job in jobs]
        await stopping.wait()
        _, unfinished = await asyncio.wait(tasks, timeout=settings.http.shutdown_grace_seconds)
        for task in unfinished:
            log.warning("job cut off", job=task.get_name())
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        log.info("worker stopped")


async def _first_of(replay: "asyncio.Task[None]", stopping: asyncio.Event) -> None:
    """Returns when the erasures are replayed, which jobs need, or when the worker is to stop."""
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({replay, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()


async def repeat(job: Job, services: Services, stopping: asyncio.Event) -> None:
    """Runs one job now and then at its interval until `stopping` is set; a failure is logged and tried again.

    Turns are moved by up to a tenth of the interval, so that several workers do not meet. After a failure the next
    one is five seconds away at least.
    """
    while not stopping.is_set():
        pause = job.interval.total_seconds() * random.uniform(0.9, 1.1)  # noqa: S311 - no secret depends on it
        try:
            touched = await job.run(services)
            if touched or job.interval >= TALKATIVE_FROM:
                log.info("job done", job=job.name, touched=touched)
        except Exception:
            log.exception("job failed", job=job.name)
            pause = max(pause, FAILED_PAUSE_SECONDS)
        try:
            await asyncio.wait_for(stopping.wait(), timeout=pause)
        except TimeoutError:
            continue
