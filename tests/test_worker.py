"""The loop around the periodic jobs. What the jobs do is tested where they live."""

import asyncio
import os
import signal
from datetime import timedelta

import pytest
import structlog

from app import worker
from app.lifespan import Services
from app.settings import Settings
from app.worker import JOBS, Job, work

OFTEN = timedelta(seconds=0.01)


def stop() -> None:
    """What `kill` and Ctrl-C do to a worker."""
    os.kill(os.getpid(), signal.SIGTERM)


class TestWork:
    async def test_each_job_runs_again_and_again_until_the_stop(self, settings: Settings):
        turns: list[str] = []

        def counting(name: str) -> Job:
            async def run(_services: Services) -> int:
                turns.append(name)
                if min(turns.count("a"), turns.count("b")) == 2:
                    stop()
                return 0

            return Job(name, OFTEN, run)

        await asyncio.wait_for(work(settings, jobs=(counting("a"), counting("b"))), timeout=20)
        assert turns.count("a") >= 2
        assert turns.count("b") >= 2

    async def test_a_job_that_fails_is_logged_and_tried_again(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(worker, "FAILED_PAUSE_SECONDS", 0.01)
        turns = 0

        async def run(_services: Services) -> int:
            nonlocal turns
            turns += 1
            if turns == 1:
                raise RuntimeError("the first turn fails")
            stop()
            return 0

        await asyncio.wait_for(work(settings, jobs=(Job("fragile", OFTEN, run),)), timeout=20)
        assert turns == 2

    async def test_a_job_that_fails_pauses_so_that_it_does_not_fill_the_log(self, settings: Settings):
        turns = 0

        async def run(_services: Services) -> int:
            nonlocal turns
            turns += 1
            if turns == 1:
                asyncio.get_running_loop().call_later(0.3, stop)
            raise RuntimeError("every turn fails")

        await asyncio.wait_for(work(settings, jobs=(Job("broken", OFTEN, run),)), timeout=20)
        assert turns == 1

    async def test_a_job_of_every_second_is_silent_when_there_is_nothing_to_do(self, settings: Settings):
        touched = iter((0, 0, 7))

        async def run(_services: Services) -> int:
            found = next(touched)
            if found:
                stop()
            return found

        with structlog.testing.capture_logs() as logs:
            await asyncio.wait_for(work(settings, jobs=(Job("often", OFTEN, run),)), timeout=20)
        assert [log["touched"] for log in logs if log["event"] == "job done"] == [7]

    async def test_a_job_that_is_running_may_finish(self, settings: Settings):
        finished = False

        async def run(_services: Services) -> int:
            nonlocal finished
            stop()
            await asyncio.sleep(0.2)
            finished = True
            return 1

        await asyncio.wait_for(work(settings, jobs=(Job("long", OFTEN, run),)), timeout=20)
        assert finished

    async def test_a_job_that_does_not_finish_is_cut_off(self, settings: Settings):
        impatient = settings.model_copy(update={"http": settings.http.model_copy(update={"shutdown_grace_seconds": 0})})

        async def run(_services: Services) -> int:
            stop()
            await asyncio.sleep(60)
            return 0

        await asyncio.wait_for(work(impatient, jobs=(Job("endless", OFTEN, run),)), timeout=20)

    async def test_the_listed_jobs_run_on_a_real_database(self, settings: Settings):
        done: set[str] = set()

        def watched(job: Job) -> Job:
            async def run(services: Services) -> int:
                touched = await job.run(services)
                done.add(job.name)
                if len(done) == len(JOBS):
                    stop()
                return touched

            return Job(job.name, job.interval, run)

        await asyncio.wait_for(work(settings, jobs=tuple(watched(job) for job in JOBS)), timeout=20)
        assert done == {job.name for job in JOBS}
