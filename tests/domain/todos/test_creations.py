"""Todos that are created together: one statement and one COMMIT, and each answered as if alone."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from app.database.errors import DatabaseUnavailable
from app.database.executor import Database, Writer
from app.database.touches import Note
from app.domain.errors import Conflict, Invalid, NotAllowed
from app.domain.teams.policy import Role
from app.domain.todos import cache_tags, commands, creation_repository, queries
from app.domain.todos.creation_repository import Creation
from app.domain.todos.creations import Creations
from app.domain.todos.todo import Priority, Status, Todo, TodoDraft
from app.domain.users.caller import Caller
from app.settings import Settings
from tests.team_factories import make_caller, make_member, make_project, make_team

TOGETHER = ["todos.insert_many"]
# What two todos of the same draft do not have in common.
OF_ITS_OWN = ("id", "position", "created_at", "updated_at", "completed_at")


async def at_once(creations: Creations, *wanted: tuple[Caller, TodoDraft]) -> list[Any]:
    async with asyncio.timeout(10):
        return await asyncio.gather(*(creations.create(*each) for each in wanted), return_exceptions=True)


async def as_stored(database: Database, caller: Caller, todos: Sequence[Todo]) -> list[Todo]:
    return [await queries.get(database.reader, caller, todo.id) for todo in todos]


class TestCreate:
    async def test_who_comes_in_the_same_turn_shares_a_statement(self, database: Database) -> None:
        ann, bob = await make_caller(database), await make_caller(database)
        drafts = [TodoDraft(title=f" todo {n} ") for n in range(4)]
        with database.observed() as statements:
            made = await at_once(Creations(database), *((who, each) for each in drafts for who in (ann, bob)))
        assert statements == TOGETHER
        assert [todo.title for todo in made] == [title for n in range(4) for title in [f"todo {n}"] * 2]
        assert {todo.team_id for todo in made[::2]} == {ann.personal_team_id}
        assert await as_stored(database, ann, made[::2]) == made[::2]
        assert await as_stored(database, bob, made[1::2]) == made[1::2]

    async def test_the_same_draft_twice_is_two_todos(self, database: Database) -> None:
        ann = await make_caller(database)
        one, two = await at_once(Creations(database), *[(ann, TodoDraft(title="x"))] * 2)
        assert one.id != two.id

    @pytest.mark.parametrize("saying", [[0], [1], [2], [3], [0, 3], [0, 1, 2, 3]])
    async def test_it_makes_what_it_makes_alone(self, database: Database, saying: list[int]) -> None:
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team)
        said: list[dict[str, Any]] = [
            {},
            {"status": Status.DONE, "priority": Priority.URGENT},
            {"description": "more\nof it", "due_date": dt.date(2026, 12, 1), "position": 1024.5},
            {"assignee_id": ann.user_id},
        ]
        drafts = [TodoDraft(title="x", team_id=team.id, **said[each]) for each in saying]
        alone = [await commands.create(database, bob, draft) for draft in drafts]
        with database.observed() as statements:
            together = await at_once(Creations(database), *((bob, draft) for draft in drafts))
        assert statements == TOGETHER
        for draft, one, other in zip(drafts, together, alone, strict=True):
            for name in set(Todo.__struct_fields__) - set(OF_ITS_OWN):
                assert getattr(one, name) == getattr(other, name), name
            assert (one.completed_at is None) == (other.completed_at is None)
            assert one.position == draft.position if draft.position is not None else one.position > other.position

    async def test_who_comes_while_others_are_stored_shares_the_next_statement(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ann = await make_caller(database)
        creations, insert_many, everybody_is_here = (
            Creations(database),
            creation_repository.insert_many,
            asyncio.Event(),
        )

        async def slow(work: Writer, wanted: Sequence[Creation]) -> dict[Creation, Todo]:
            await everybody_is_here.wait()
            return await insert_many(work, wanted)

        monkeypatch.setattr(creation_repository, "insert_many", slow)
        tasks = []
        with database.observed() as statements:
            for _ in range(10):
                tasks.append(asyncio.create_task(creations.create(ann, TodoDraft(title="x"))))
                await asyncio.sleep(0)
            everybody_is_here.set()
            made = await asyncio.gather(*tasks)
        assert statements == TOGETHER * 2
        assert await as_stored(database, ann, made) == made

    async def test_who_cannot_see_a_team_does_not_touch_its_lists(self, database: Database) -> None:
        ann, eve = await make_caller(database), await make_caller(database)
        notes: list[Note] = []

        async def announce(note: Note) -> None:
            notes.append(note)

        database.announce = announce
        theirs = TodoDraft(title="x", team_id=ann.personal_team_id)
        await at_once(Creations(database), (eve, theirs), (eve, TodoDraft(title="y")))
        assert [note.tags for note in notes] == [cache_tags.of_lists([eve.personal_team_id])]

    @pytest.mark.parametrize("values", [{"external_id": "jira-1"}, {"tags": ("home",)}])
    async def test_what_waits_for_others_is_not_shared(self, database: Database, values: dict[str, Any]) -> None:
        ann = await make_caller(database)
        plain, special = TodoDraft(title="x"), TodoDraft(title="y", **values)
        with database.observed() as statements:
            made = await at_once(Creations(database), (ann, plain), (ann, special), (ann, plain))
        assert statements.count("todos.insert_many") == 1
        assert await as_stored(database, ann, made) == made

    async def test_what_names_a_project_goes_to_its_team(self, database: Database) -> None:
        ann = await make_caller(database)
        team = await make_team(database, ann)
        project = await make_project(database, ann, team=team)
        [todo] = await at_once(Creations(database), (ann, TodoDraft(title="x", project_id=project.id)))
        assert (todo.team_id, todo.project_id) == (team.id, project.id)


class TestRefusals:
    async def test_who_may_not_write_is_refused_alone(self, database: Database) -> None:
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        viewer = await make_member(database, ann, team, Role.VIEWER)
        theirs = TodoDraft(title="x", team_id=team.id)
        outcomes = await at_once(Creations(database), (ann, theirs), (eve, theirs), (viewer, theirs))
        assert outcomes[0].team_id == team.id
        assert [type(outcome) for outcome in outcomes[1:]] == [Invalid, NotAllowed]
        assert [field.code for field in outcomes[1].fields] == ["UNKNOWN_TEAM"]

    async def test_what_breaks_a_rule_of_the_database_is_refused_alone(self, database: Database) -> None:
        ann, eve = await make_caller(database), await make_caller(database)
        outcomes = await at_once(
            Creations(database), (ann, TodoDraft(title="x")), (ann, TodoDraft(title="x", assignee_id=eve.user_id))
        )
        assert [field.code for field in outcomes[1].fields] == ["NOT_A_MEMBER"]
        assert await as_stored(database, ann, outcomes[:1]) == outcomes[:1]

    async def test_an_empty_title_is_refused_before_anything_is_asked(self, database: Database) -> None:
        ann = await make_caller(database)
        with database.observed() as statements:
            [outcome] = await at_once(Creations(database), (ann, TodoDraft(title="  ")))
        assert isinstance(outcome, Invalid)
        assert statements == []

    async def test_a_taken_external_id_is_a_conflict(self, database: Database) -> None:
        ann = await make_caller(database)
        wanted = [(ann, TodoDraft(title="x", external_id="jira-1"))] * 2
        assert sorted(type(each).__name__ for each in await at_once(Creations(database), *wanted)) == [
            Conflict.__name__,
            Todo.__name__,
        ]


class Interrupted:
    """Stands where the shared statement stands, and fails as often as it is told to."""

    def __init__(self, *failures: DatabaseUnavailable) -> None:
        self._failures = list(failures)
        self._insert_many = creation_repository.insert_many

    async def insert_many(self, work: Writer, creations: Sequence[Creation]) -> dict[Creation, Todo]:
        if self._failures:
            raise self._failures.pop()
        return await self._insert_many(work, creations)


class TestFailures:
    @pytest.mark.parametrize("code", ["DATABASE_CONTENTION", "DATABASE_TIMEOUT"])
    async def test_if_one_is_in_the_way_each_goes_alone(
        self, database: Database, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        ann = await make_caller(database)
        interrupted = Interrupted(DatabaseUnavailable(code))
        monkeypatch.setattr(creation_repository, "insert_many", interrupted.insert_many)
        with database.observed() as statements:
            made = await at_once(Creations(database), *[(ann, TodoDraft(title="x"))] * 3)
        assert statements == ["todos.insert"] * 3
        assert await as_stored(database, ann, made) == made
        stats = await queries.stats(database.reader, ann, dt.datetime.now(dt.UTC))
        assert stats.total == 3

    @pytest.mark.parametrize(
        "failure",
        [
            DatabaseUnavailable("COMMIT_OUTCOME_UNKNOWN", outcome_unknown=True),
            DatabaseUnavailable("DATABASE_UNAVAILABLE"),
        ],
    )
    async def test_if_nobody_knows_or_nobody_is_there_all_are_told(
        self, database: Database, monkeypatch: pytest.MonkeyPatch, failure: DatabaseUnavailable
    ) -> None:
        ann = await make_caller(database)
        monkeypatch.setattr(creation_repository, "insert_many", Interrupted(failure).insert_many)
        with database.observed() as statements:
            outcomes = await at_once(Creations(database), *[(ann, TodoDraft(title="x"))] * 3)
        assert outcomes == [failure] * 3
        assert statements == []


class TestLocks:
    async def test_who_has_to_wait_too_long_holds_up_the_others_only_once(
        self, database: Database, settings: Settings
    ) -> None:
        ann, bob = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        impatient = Database(settings.database.model_copy(update={"query_timeout_seconds": 0.4}))
        try:
            async with database.transaction() as work:
                await work._connection.raw.execute("SELECT FROM teams WHERE id = $1 FOR UPDATE", team.id)
                wanted = [(ann, TodoDraft(title="x", team_id=team.id)), (bob, TodoDraft(title="y"))]
                held_up, served = await at_once(Creations(impatient), *wanted)
        finally:
            await impatient.close()
        assert isinstance(held_up, DatabaseUnavailable)
        assert held_up.code == "DATABASE_TIMEOUT"
        assert await as_stored(database, bob, [served]) == [served]
