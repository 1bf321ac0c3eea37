"""What operators ask of a running process."""

from collections import Counter

import httpx
import pytest

from app.database.executor import Database
from app.domain.identity import administration
from app.settings import Settings
from tests.api.conftest import NewPerson, Person
from tests.api.limited import limited_service

STATS = "/api/middleware/stats"


@pytest.fixture
async def operator(new_person: NewPerson, service_database: Database) -> Person:
    person = await new_person(name="Olga")
    await administration.appoint(service_database, person.user.email)
    return person


class TestStats:
    async def test_it_is_for_administrators(self, ann: Person, client: httpx.AsyncClient) -> None:
        assert (await ann.http.get(STATS)).status_code == 403
        assert (await client.get(STATS)).status_code == 401

    async def test_a_hit_and_a_touch_are_counted(self, operator: Person) -> None:
        async def counted() -> tuple[int, int, int]:
            cache = (await operator.http.get(STATS)).json()["cache"]
            kind = cache["kinds"].get("todos", {"process_hits": 0, "misses": 0})
            return kind["process_hits"], kind["misses"], cache["touches"].get("todos", 0)

        hits, misses, touches = await counted()
        await operator.create("/api/v2/todos", title="x")
        for _ in range(3):
            await operator.http.get("/api/v2/todos")
        assert await counted() == (hits + 2, misses + 1, touches + 1)

    async def test_it_shows_the_circuit_and_the_room(self, operator: Person) -> None:
        await operator.http.get("/api/v2/todos")
        cache = (await operator.http.get(STATS)).json()["cache"]
        assert cache["state"] == "closed"
        assert cache["entries"] >= 2
        assert cache["used_bytes"] > 1000

    async def test_it_shows_what_is_in_progress(self, operator: Person) -> None:
        load = (await operator.http.get(STATS)).json()["load"]
        assert load["in_progress"] >= 1
        assert load["lanes"]["reads"]["in_progress"] >= 1

    async def test_it_shows_who_asked_for_too_much(self, settings: Settings, database: Database) -> None:
        async with limited_service(settings, database, reads="40/day", bulk="400/day") as service:
            operator = await service.somebody()
            me = (await operator.get("/api/v2/me")).json()
            await administration.appoint(service.running.services.database, me["email"])
            http = await service.somebody()
            answers = Counter[int]()
            # Forty, or more where Redis was late and the process had to count by itself for a while.
            while answers[429] < 2 and answers.total() < 200:
                answers[(await http.get("/api/v2/todos")).status_code] += 1
            seen = (await operator.get(STATS)).json()["rate_limits"]
        assert (seen["is_shared"], seen["scale"], seen["blocked"]) == (True, 1.0, 0)
        reads = seen["limits"]["reads"]
        assert (reads["limit"], reads["window_seconds"], reads["least_remaining"]) == (40, 86_400, 0)
        assert (reads["admitted"], reads["refused"]) == (answers[200] + 2, 2)
        assert seen["limits"]["default"]["admitted"] == answers[200] + 2, "who is refused is charged to nothing"
        assert seen["limits"]["bulk"]["least_remaining"] is None
