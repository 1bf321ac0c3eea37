"""How a todo is written out: as the wire schema says it, links included."""

import datetime as dt
import json
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.api.v2 import todo_schemas as wire
from app.api.v2.todo_documents import TodoDocument, renderer, todo_document
from app.domain.ids import ProjectId, TeamId, TodoId
from app.domain.todos.todo import Todo, TodoReferences

MOMENT = dt.datetime(2026, 11, 21, 9, 30, tzinfo=dt.UTC)
ITSELF = "/api/v2/todos/00000000-0000-0000-0000-000000000001"
NOTHING = TodoReferences({}, {}, {})
EVERYWHERE = {"self": ITSELF, "team": "/api/v2/teams/00000000-0000-0000-0000-000000000002"}
ACTIONS = {"move": f"{ITSELF}/move", "duplicate": f"{ITSELF}/duplicate"}


def make(**values: Any) -> Todo:
    plain = Todo(
        team_id=TeamId(UUID(int=2)),
        id=TodoId(UUID(int=1)),
        project_id=None,
        parent_id=None,
        title='Say "hello"',
        description="",
        status="open",
        priority=3,
        due_date=None,
        assignee_id=None,
        tags=[],
        position=1.5,
        external_id=None,
        created_by=None,
        version=1,
        created_at=MOMENT,
        updated_at=MOMENT,
        completed_at=None,
        deleted_at=None,
        role="member",
    )
    return msgspec.structs.replace(plain, **values)


def written(document: Any) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(msgspec.json.encode(document))
    return value


class TestMembers:
    def test_they_are_those_of_the_schema_in_its_order(self) -> None:
        schema = [name for name in wire.Todo.__annotations__ if name != "expanded"]
        assert list(TodoDocument.__struct_fields__) == schema
        assert list(written(todo_document(make()))) == schema

    def test_their_values_are_the_todos(self) -> None:
        document = written(todo_document(make(deleted_at=MOMENT, due_date=dt.date(2026, 12, 1))))
        assert (document["title"], document["priority"], document["due_date"]) == ('Say "hello"', "high", "2026-12-01")
        assert (document["deleted_at"], document["purge_at"]) == ("2026-11-21T09:30:00Z", "2026-12-21T09:30:00Z")


class TestLinks:
    @pytest.mark.parametrize(
        ("values", "links"),
        [
            ({}, {"complete": f"{ITSELF}/complete", **ACTIONS}),
            ({"status": "blocked"}, {"complete": f"{ITSELF}/complete", **ACTIONS}),
            ({"status": "done"}, {"reopen": f"{ITSELF}/reopen", **ACTIONS}),
            ({"status": "cancelled"}, {"reopen": f"{ITSELF}/reopen", **ACTIONS}),
            ({"deleted_at": MOMENT}, {"restore": f"{ITSELF}/restore"}),
            ({"role": "viewer"}, {}),
            ({"role": "viewer", "deleted_at": MOMENT}, {}),
            (
                {"role": "viewer", "project_id": ProjectId(UUID(int=3)), "parent_id": TodoId(UUID(int=4))},
                {
                    "project": "/api/v2/projects/00000000-0000-0000-0000-000000000003",
                    "parent": "/api/v2/todos/00000000-0000-0000-0000-000000000004",
                },
            ),
        ],
    )
    def test_an_action_is_listed_while_it_is_allowed(self, values: dict[str, Any], links: dict[str, str]) -> None:
        shown = written(todo_document(make(**values)))["links"]
        assert list(shown.items()) == list((EVERYWHERE | links).items())
        assert set(shown) <= set(wire.TodoLinks.__annotations__)


class TestRenderer:
    def test_fields_choose_members_in_the_order_asked_for(self) -> None:
        shown = written(renderer(["version", "links", "id"], [], NOTHING)(make(role="viewer")))
        assert list(shown.items()) == [("version", 1), ("links", EVERYWHERE), ("id", str(UUID(int=1)))]

    def test_expand_adds_to_the_whole(self) -> None:
        whole = written(todo_document(make()))
        assert written(renderer([], ["project"], NOTHING)(make())) == {**whole, "expanded": {"project": None}}

    def test_expand_adds_to_the_chosen_members(self) -> None:
        shown = written(renderer(["id"], ["assignee", "tags"], NOTHING)(make()))
        assert shown == {"id": str(UUID(int=1)), "expanded": {"assignee": None, "tags": []}}
