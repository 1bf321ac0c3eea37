"""What one worker has acknowledged, every worker shows from then on: todos, their surroundings, and who may ask.

`python -m tests.failures.coherence` runs the long version of the first: 20,000 pairs.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.conftest import TEMPLATE, WORKER, Stack, recreate
from tests.failures.keep_alive import Answer
from tests.failures.two_workers import Person, Workers, working
from tests.failures.written_and_read import Findings, write_and_read, writers

PAIRS = 1_500
ROUNDS = 6
MEMBERS = "/api/v2/teams/{}/members"


@pytest.fixture(scope="module")
async def own_database_url(stack: Stack) -> str:
    return await recreate(stack.admin_url, f"todo_coherence_{WORKER}_test", template=TEMPLATE)


@pytest.fixture(scope="module")
async def workers(own_database_url: str, redis_url: str) -> AsyncIterator[Workers]:
    async with working(own_database_url, [redis_url] * 2, store_url=redis_url, altered="patient") as started:
        yield started


class Household:
    """An owner and a member of one team, who both may come in by either worker."""

    def __init__(self, owner: Person, member: Person, team_id: str) -> None:
        self.owner, self.member, self.team_id = owner, member, team_id
        self.team = f"/api/v2/teams/{team_id}"
        self.members = MEMBERS.format(team_id)
        self.membership = f"{self.members}/{member.id}"

    async def made(self, path: str, **document: Any) -> str:
        """The path of something new in the team."""
        answer = await random.choice(self.owner.clients).ask("POST", path, {"team_id": self.team_id, **document})
        assert answer.status == 201, answer.body
        return f"{path}/{answer.document['id']}"


@pytest.fixture
async def household(workers: Workers) -> Household:
    owner, member = await workers.person(), await workers.person()
    team = await owner.clients[0].ask("POST", "/api/v2/teams", {"name": "Household"})
    made = Household(owner, member, team.document["id"])
    added = await owner.clients[1].ask("POST", made.members, {"email": member.user.email, "role": "member"})
    assert added.status == 201, added.body
    return made


async def after(
    writer: Person, method: str, path: str, document: object = None, *, reader: Person, reads: str
) -> list[Answer]:
    """What each worker answers to the reader right after a write by a random one; all had kept an answer before."""
    for client in (*reader.clients, *reader.clients):
        await client.get(reads)
    answer = await random.choice(writer.clients).ask(method, path, document)
    assert answer.status < 300, answer.body
    return [await client.get(reads) for client in reader.clients]


def items(answers: list[Answer]) -> list[list[dict[str, Any]]]:
    """The items of some lists."""
    return [answer.document["items"] for answer in answers]


class TestTodos:
    async def test_twenty_clients_read_through_one_worker_what_they_wrote_through_the_other(
        self, workers: Workers
    ) -> None:
        findings = Findings()
        clients = await writers(workers, 20)
        await write_and_read(clients, findings, until=lambda: findings.pairs >= PAIRS)
        assert findings.failed == []
        assert findings.stale == []
        assert findings.pairs >= PAIRS
        assert min(findings.reads[kind] for kind in ("item", "list", "stats")) > PAIRS / 4

    async def test_who_asks_after_a_write_does_not_get_what_was_being_loaded_before_it(
        self, own_database_url: str, workers: Workers
    ) -> None:
        assert await shown_after_a_write_during_a_load(own_database_url, workers) == ["before", "after"]


class TestSurroundings:
    async def test_projects(self, household: Household) -> None:
        project = await household.made("/api/v2/projects", name="new")
        todo = await household.made("/api/v2/todos", title="x", project_id=project.rpartition("/")[2])
        for number in range(ROUNDS):
            change = {"name": f"number {number}"}
            for reads in (project, f"/api/v2/projects?team_id={household.team_id}", f"{todo}?expand=project"):
                change["name"] += "!"
                answers = await after(household.owner, "PATCH", project, change, reader=household.member, reads=reads)
                assert [change["name"].encode() in answer.body for answer in answers] == [True, True]
            gone = await after(household.owner, "DELETE", project, reader=household.member, reads=todo)
            assert [answer.status for answer in gone] == [404, 404]
            back = await after(household.owner, "POST", f"{project}/restore", reader=household.member, reads=todo)
            assert [answer.status for answer in back] == [200, 200]

    async def test_tags(self, household: Household) -> None:
        tag = await household.made("/api/v2/tags", name="new")
        for number in range(ROUNDS):
            name = f"number {number}"
            renamed = await after(
                household.owner, "PATCH", tag, {"name": name}, reader=household.member, reads="/api/v2/tags"
            )
            assert [[each["name"] for each in page] for page in items(renamed)] == [[name]] * 2
            todo = await household.made("/api/v2/todos", title="x", tags=[name])
            for change, shown in (({"name": f"{name}!"}, [f"{name}!"]), ({"name": name}, [name])):
                carried = await after(household.owner, "PATCH", tag, change, reader=household.member, reads=todo)
                assert [answer.document["tags"] for answer in carried] == [shown] * 2
            counted = await after(
                household.owner, "DELETE", todo, reader=household.member, reads=f"{tag}?expand=todo_count"
            )
            assert [answer.document["todo_count"] for answer in counted] == [0, 0]

    async def test_teams_and_the_names_of_members(self, household: Household) -> None:
        for number in range(ROUNDS):
            name = {"name": f"number {number}"}
            for reads in (household.team, "/api/v2/teams"):
                name["name"] += "!"
                renamed = await after(
                    household.owner, "PATCH", household.team, name, reader=household.member, reads=reads
                )
                assert [name["name"].encode() in answer.body for answer in renamed] == [True, True]
            named = await after(
                household.member, "PATCH", "/api/v2/me", name, reader=household.owner, reads=household.members
            )
            assert [name["name"] in {each["name"] for each in page} for page in items(named)] == [True, True]


class TestMembers:
    async def test_a_viewer_writes_nothing_from_the_next_request_on(self, household: Household) -> None:
        todo = await household.made("/api/v2/todos", title="x")
        for role, status in (("viewer", 403), ("member", 200)) * ROUNDS:
            answers = await after(
                household.owner, "PATCH", household.membership, {"role": role}, reader=household.member, reads=todo
            )
            assert ["complete" in answer.document["links"] for answer in answers] == [role == "member"] * 2
            written = [await client.ask("PATCH", todo, {"title": role}) for client in household.member.clients]
            assert [answer.status for answer in written] == [status] * 2
            teams = [await client.get(household.team) for client in household.member.clients]
            assert [answer.document["role"] for answer in teams] == [role] * 2

    async def test_who_was_removed_sees_nothing_and_who_is_taken_in_again_all(self, household: Household) -> None:
        todo = await household.made("/api/v2/todos", title="x")
        again = {"email": household.member.user.email, "role": "viewer"}
        seen = (todo, household.team)
        lists = ("/api/v2/todos", "/api/v2/todos/stats", "/api/v2/todos?expand=tags", household.members)
        for number in range(ROUNDS):
            reads = (*seen, *lists)[number % 6]
            removed = await after(household.owner, "DELETE", household.membership, reader=household.member, reads=reads)
            assert [shows_something(answer) for answer in removed] == [False, False], reads
            added = await after(household.owner, "POST", household.members, again, reader=household.member, reads=reads)
            assert [shows_something(answer) for answer in added] == [True, True], reads


class TestWhoMayAsk:
    async def test_a_session_that_was_ended_is_refused_by_every_worker(self, workers: Workers) -> None:
        for path in ("/api/v2/auth/logout", "/api/v2/auth/logout-all") * ROUNDS:
            person = await workers.person()
            other = await workers.session(person.user)
            answers = await after(person, "POST", path, reader=person, reads="/api/v2/todos")
            assert [answer.status for answer in answers] == [401, 401]
            others = [(await client.get("/api/v2/me")).status for client in other.clients]
            assert others == ([401, 401] if path.endswith("all") else [200, 200])

    async def test_who_is_deactivated_is_refused_by_every_worker(self, workers: Workers) -> None:
        administrator = await workers.person(roles=("admin",))
        for _ in range(ROUNDS):
            person = await workers.person()
            path, change = f"/api/v2/users/{person.id}", {"is_active": False}
            answers = await after(administrator, "PATCH", path, change, reader=person, reads="/api/v2/todos")
            assert [answer.status for answer in answers] == [401, 401]

    async def test_an_administrator_is_one_from_the_next_request_on_and_no_longer(self, workers: Workers) -> None:
        administrator, person = await workers.person(roles=("admin",)), await workers.person()
        path = f"/api/v2/users/{person.id}"
        for roles, status in (([*person.user.roles, "admin"], 200), (list(person.user.roles), 403)) * ROUNDS:
            answers = await after(administrator, "PATCH", path, {"roles": roles}, reader=person, reads="/api/v2/users")
            assert [answer.status for answer in answers] == [status] * 2


class TestNegativeControls:
    async def test_a_service_that_joins_older_loads_is_found(self, own_database_url: str, redis_url: str) -> None:
        async with working(own_database_url, [redis_url], store_url=redis_url, altered="joins_older_loads") as broken:
            assert await shown_after_a_write_during_a_load(own_database_url, broken) == ["before", "before"]


async def shown_after_a_write_during_a_load(database_url: str, workers: Workers) -> list[str]:
    """The title that a list shows to who asks before, and to who asks after a change of it.

    Both ask while the list is being loaded, which waits for projects that are locked.
    """
    person = await workers.person()
    path = "/api/v2/todos?expand=project"
    project = await person.clients[0].ask("POST", "/api/v2/projects", {"name": "x"})
    wanted = {"title": "before", "project_id": project.document["id"]}
    todo = await person.clients[0].ask("POST", "/api/v2/todos", wanted)
    blocker = await asyncpg.connect(database_url)
    try:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE projects IN ACCESS EXCLUSIVE MODE")
            early = asyncio.create_task(workers.client(0, person.tokens.access_token).get(path))
            await _until_waiting(blocker, 1)
            change = await person.clients[-1].ask("PATCH", f"/api/v2/todos/{todo.document['id']}", {"title": "after"})
            assert change.status == 200
            late = asyncio.create_task(workers.client(0, person.tokens.access_token).get(path))
            await asyncio.wait([early, late], timeout=0.3)
    finally:
        await blocker.close()
    return [page[0]["title"] for page in items([await early, await late])]


async def _until_waiting(connection: "asyncpg.Connection[Any]", number: int) -> None:
    async with asyncio.timeout(10):
        while await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < number:
            await asyncio.sleep(0.01)


def shows_something(answer: Answer) -> bool:
    """False for a refusal, an empty list and a count of none."""
    if answer.status == 404:
        return False
    return bool(answer.document.get("items") or answer.document.get("total") or answer.document.get("id"))
