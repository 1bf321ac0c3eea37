"""Single todos that are read together: one statement, and for each caller only what they may see."""

import asyncio
from uuid import uuid4

import pytest

from app.database.executor import Database
from app.domain.errors import NotFound
from app.domain.ids import TodoId
from app.domain.teams.policy import Role
from app.domain.todos import commands, queries
from app.domain.todos.reading import TodoReader
from tests.team_factories import make_caller, make_member, make_team, make_todo


class TestGet:
    async def test_who_asks_in_the_same_turn_shares_a_statement(self, database: Database) -> None:
        ann = await make_caller(database)
        made = [await make_todo(database, ann, title=f"todo {n}", tags=("home",)) for n in range(5)]
        reader = TodoReader(database.reader)
        with database.observed() as statements:
            found = await asyncio.gather(*(reader.get(ann, todo.id) for todo in made))
        assert statements == ["todos.get_many"]
        assert found == made

    async def test_who_asks_alone_asks_for_one(self, database: Database) -> None:
        ann = await make_caller(database)
        todo = await make_todo(database, ann)
        with database.observed() as statements:
            assert await TodoReader(database.reader).get(ann, todo.id) == todo
        assert statements == ["todos.get"]

    async def test_a_full_batch_is_cut(self, database: Database) -> None:
        ann = await make_caller(database)
        made = [await make_todo(database, ann) for _ in range(4)]
        reader = TodoReader(database.reader, max_size=2)
        with database.observed() as statements:
            found = await asyncio.gather(*(reader.get(ann, todo.id) for todo in made))
        assert statements == ["todos.get_many"] * 2
        assert found == made

    async def test_each_caller_sees_the_same_todo_in_their_own_role(self, database: Database) -> None:
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team, Role.VIEWER)
        todo = await make_todo(database, ann, team=team)
        reader = TodoReader(database.reader)
        with database.observed() as statements:
            seen = list(await asyncio.gather(reader.get(ann, todo.id), reader.get(bob, todo.id)))
        assert statements == ["todos.get_many"]
        assert [each.role for each in seen] == ["owner", "viewer"]
        assert seen == [await queries.get(database.reader, each, todo.id) for each in (ann, bob)]

    async def test_what_one_may_not_see_another_sees_in_the_same_statement(self, database: Database) -> None:
        ann, eve = await make_caller(database), await make_caller(database)
        todo, trashed = await make_todo(database, ann), await make_todo(database, ann)
        await commands.delete(database, ann, trashed.id)
        reader = TodoReader(database.reader)
        asked = [(ann, todo.id), (eve, todo.id), (ann, trashed.id), (ann, TodoId(uuid4()))]
        with database.observed() as statements:
            outcomes = await asyncio.gather(*(reader.get(*each) for each in asked), return_exceptions=True)
        assert statements == ["todos.get_many"]
        assert outcomes[0] == todo
        assert [type(outcome) for outcome in outcomes[1:]] == [NotFound] * 3
        assert [str(outcome) for outcome in outcomes[1:]] == [
            f"There is no todo {todo_id}." for _, todo_id in asked[1:]
        ]

    async def test_a_change_is_seen_by_whoever_asks_after_it(self, database: Database) -> None:
        ann = await make_caller(database)
        todo, other = await make_todo(database, ann), await make_todo(database, ann)
        reader = TodoReader(database.reader)
        await asyncio.gather(reader.get(ann, todo.id), reader.get(ann, other.id))
        done = await commands.complete(database, ann, todo.id)
        found, _ = await asyncio.gather(reader.get(ann, todo.id), reader.get(ann, other.id))
        assert found == done

    async def test_who_leaves_takes_nobody_with_them(self, database: Database) -> None:
        ann = await make_caller(database)
        todo, other = await make_todo(database, ann), await make_todo(database, ann)
        reader = TodoReader(database.reader)
        leaving, staying = asyncio.create_task(reader.get(ann, todo.id)), asyncio.create_task(reader.get(ann, other.id))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await asyncio.wait_for(staying, 5) == other
        with pytest.raises(asyncio.CancelledError):
            await leaving
