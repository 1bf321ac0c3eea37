"""Random histories keep the promises of the cache, and would find a cache that breaks them."""

from pathlib import Path

import pytest

from app.cache.announcing import Announcer
from app.cache.layer import Cache
from app.redis import link
from tests.cache.histories import World, play
from tests.cache.processes import KnowsNoGeneration, ReadsVersionsLate


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links that try again almost at once: a history is long enough as it is."""
    monkeypatch.setattr(link, "FIRST_PAUSE_SECONDS", 0.005)
    monkeypatch.setattr(link, "LONGEST_PAUSE_SECONDS", 0.02)


def test_every_history_keeps_the_promises(numbers_url: str, tmp_path: Path) -> None:
    with World(numbers_url, tmp_path, cache=Cache) as world:
        play(world, histories=30, steps=30)


class TestControls:
    """Each breaks one rule of the cache, and is found."""

    def test_versions_that_are_read_after_the_value(self, numbers_url: str, tmp_path: Path) -> None:
        with (
            World(numbers_url, tmp_path, cache=ReadsVersionsLate) as world,
            pytest.raises(AssertionError, match="reads"),
        ):
            play(world, histories=100, steps=30, restarts=0, is_control=True)

    def test_a_server_that_is_believed_after_a_restart(self, numbers_url: str, tmp_path: Path) -> None:
        with (
            World(numbers_url, tmp_path, cache=KnowsNoGeneration) as world,
            pytest.raises(AssertionError, match="reads"),
        ):
            play(world, histories=100, steps=30, is_control=True)

    def test_notes_that_nobody_sweeps(self, numbers_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async def touch_nothing(self: Announcer, connected: object, age: object) -> int:
            return 0

        monkeypatch.setattr(Announcer, "_touch_noted", touch_nothing)
        with World(numbers_url, tmp_path, cache=Cache) as world, pytest.raises(AssertionError, match="reads"):
            play(world, histories=100, steps=30, restarts=0, is_control=True)
