"""The settings of the cache have an effect: what a service of these settings keeps shows them."""

import pytest

from app.cache.entries import Kind
from app.cache.layer import Place
from app.draining import Draining
from app.lifespan import running_services
from app.settings import load_settings
from tests.cache.processes import tag_of

TEXT = "word " * 100
KIND = Kind("text", str)


@pytest.mark.parametrize(("threshold", "is_smaller"), [("64", True), ("4096", False)])
async def test_values_are_compressed_from_the_threshold_that_is_set(
    numbers_url: str, redis_url: str, threshold: str, *, is_smaller: bool
) -> None:
    given = {"DATABASE_URL": numbers_url, "REDIS_URL": redis_url, "CACHE_COMPRESS_THRESHOLD": threshold}
    async with running_services(load_settings(**given), Draining()) as services:
        cache = services.cache
        assert cache is not None

        async def load() -> str:
            return TEXT

        place = Place(KIND, f"text {threshold}", "owner")
        assert await cache.get_or_load(place, (tag_of(1),), load) == TEXT
        entry = cache.held(place)
        assert entry is not None
        assert cache.link.connected is not None
        stored = await cache.link.connected.of(entry.redis_key).ask("GET", entry.redis_key)
    assert (len(stored) < len(TEXT)) is is_smaller
