"""The SQL of tags. Each statement reaches a tag through the caller's membership in its team."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Text, Update, bindparam, case, column, delete, exists, func, insert, select, true, update

from app.database.executor import Reader, Transaction
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.errors import Conflict
from app.domain.ids import TeamId, UserId, uuid7
from app.domain.tags.cache_tags import of_tags
from app.domain.tags.tag import Tag, TagDraft, TagId
from app.domain.teams.policy import Role
from app.domain.teams.tables import team_memberships
from app.domain.text import fold
from app.domain.todos.cache_tags import of_every_item, of_list
from app.domain.todos.tables import tags, todos
from app.domain.unit_of_work import ConstraintErrors, refusals

g, t, m = tags.c, todos.c, team_memberships.c

COLUMNS = (g.team_id, g.id, g.name, g.key, g.color, g.version, g.created_at, g.updated_at)
BY_CALLER = m.user_id == bindparam("caller_id", type_=uuid)
_TEAM_ID = bindparam("team_id", type_=uuid)
_KEY = (g.team_id == _TEAM_ID, g.id == bindparam("tag_id", type_=uuid))
_visible = select(*COLUMNS, m.role).join_from(team_memberships, tags, g.team_id == m.team_id).where(BY_CALLER)

_GET = Query("tags.get", _visible.where(g.id == bindparam("id", type_=uuid)), Tag)
# The full lock: who gives one of the tags to a todo holds a share of its row, and is waited for.
_LOCK = Change(
    "tags.lock",
    _visible.where(g.id == func.any(bindparam("ids", type_=ARRAY(uuid))))
    .order_by(g.team_id, g.id)
    .with_for_update(of=tags),
    Tag,
)
# A viewer and a stranger insert nothing: the row is selected from the memberships that may write.
_INSERT = Change(
    "tags.insert",
    insert(tags)
    .from_select(
        ["team_id", "id", "name", "key", "color"],
        select(
            m.team_id,
            bindparam("id", type_=uuid),
            bindparam("name", type_=Text),
            bindparam("key", type_=Text),
            bindparam("color", type_=Text),
        ).where(BY_CALLER, m.team_id == _TEAM_ID, m.role != Role.VIEWER.value),
    )
    .returning(*COLUMNS, select(m.role).where(BY_CALLER, m.team_id == _TEAM_ID).scalar_subquery()),
    Tag,
)
_UPDATE = Change(
    "tags.update",
    update(tags)
    .where(*_KEY)
    .values(
        name=bindparam("name", type_=Text),
        key=bindparam("key", type_=Text),
        color=bindparam("color", type_=Text),
        version=g.version + 1,
        updated_at=func.clock_timestamp(),
    )
    .returning(*COLUMNS, bindparam("role", type_=Text)),
    Tag,
)
_DELETE = Change("tags.delete", delete(tags).where(*_KEY), scalar)

_old, _new = bindparam("old", type_=Text), bindparam("new", type_=Text)
# In the trash, too: what comes back must carry the names that exist then.
_tagged = (
    update(todos)
    .where(t.team_id == _TEAM_ID, t.tags.op("@>")(bindparam("tagged", type_=ARRAY(Text))))
    .values(version=t.version + 1, updated_at=func.clock_timestamp())
)
_without = func.array_remove(t.tags, _old)
_has_both = _new == func.any(t.tags)


def _any_todo(name: str, change: Update) -> Change[bool]:
    """The change of todos; says whether there were any, without naming thousands of them."""
    return Change(name, select(exists(select(change.returning(t.id).cte("changed").c.id))), scalar)


_REPLACE = _any_todo(
    "tags.replace_in_todos",
    _tagged.values(tags=case((_has_both, _without), else_=func.array_replace(t.tags, _old, _new))),
)
_REMOVE = _any_todo("tags.remove_from_todos", _tagged.values(tags=_without))


class TodoCount(NamedTuple):
    """How many live todos of a team carry a name."""

    team_id: UUID
    name: str
    todos: int


_wanted = bindparam("names", type_=ARRAY(Text))
_carried = func.unnest(t.tags).table_valued(column("name", Text)).render_derived("carried")
_COUNT_TODOS = Query(
    "tags.count_todos",
    select(t.team_id, _carried.c.name, func.count())
    .select_from(todos.join(_carried, true()))
    .where(
        t.team_id == func.any(bindparam("team_ids", type_=ARRAY(uuid))),
        t.deleted_at.is_(None),
        t.tags.op("&&")(_wanted),
        _carried.c.name == func.any(_wanted),
    )
    .group_by(t.team_id, _carried.c.name),
    TodoCount,
)
_REFUSALS: ConstraintErrors = {
    "uq_tags_team_id_key": lambda: Conflict("The team has a tag of this name, whatever its case.", code="TAG_EXISTS")
}


async def get(reader: Reader, caller_id: UserId, tag_id: TagId) -> Tag | None:
    """The tag, if the caller can see it."""
    return await reader.first(_GET, caller_id=caller_id, id=tag_id)


async def lock(work: Transaction, caller_id: UserId, *tag_ids: TagId) -> dict[TagId, Tag]:
    """Those of the tags that the caller can see; nobody changes them until this transaction ends.

    They are locked in one order for everybody, so that two merges cannot deadlock.
    """
    return {tag.id: tag for tag in await work.all(_LOCK, caller_id=caller_id, ids=list(tag_ids))}


async def insert_tag(work: Transaction, caller_id: UserId, team_id: TeamId, draft: TagDraft) -> Tag | None:
    """Stores a new tag; None if the caller may not write in that team. Raises Conflict (TAG_EXISTS)."""
    with refusals(_REFUSALS):
        tag = await work.first(
            _INSERT,
            caller_id=caller_id,
            team_id=team_id,
            id=uuid7(),
            name=draft.name,
            key=fold(draft.name),
            color=draft.color,
        )
    if tag is not None:
        work.touch(of_tags(team_id))
    return tag


async def update_tag(work: Transaction, tag: Tag) -> Tag:
    """Stores the changeable fields of a locked tag as its next version. Raises Conflict (TAG_EXISTS)."""
    with refusals(_REFUSALS):
        rows = await work.all(
            _UPDATE, team_id=tag.team_id, tag_id=tag.id, name=tag.name, key=tag.key, color=tag.color, role=tag.role
        )
    work.touch(of_tags(tag.team_id))
    return rows[0]


async def delete_tag(work: Transaction, tag: Tag) -> None:
    """Deletes a locked tag; todos that carry it keep its name."""
    await work.run(_DELETE, team_id=tag.team_id, tag_id=tag.id)
    work.touch(of_tags(tag.team_id))


async def replace_in_todos(work: Transaction, team_id: TeamId, *, old: str, new: str) -> None:
    """Every todo of the team that carries `old` carries `new` instead, once, as a new version of the todo."""
    if await work.first(_REPLACE, team_id=team_id, tagged=[old], old=old, new=new):
        work.touch(of_list(team_id), of_every_item(team_id))


async def remove_from_todos(work: Transaction, team_id: TeamId, name: str) -> None:
    """No todo of the team carries `name` any more; each that did has a new version."""
    if await work.first(_REMOVE, team_id=team_id, tagged=[name], old=name):
        work.touch(of_list(team_id), of_every_item(team_id))


async def count_todos(reader: Reader, seen: Sequence[Tag]) -> dict[tuple[UUID, str], int]:
    """How many live todos carry each tag, by team and name; tags that none carries are left out.

    One statement, which reads the teams' todos that carry one of the names once.
    """
    team_ids = {tag.team_id for tag in seen}
    names = {tag.name for tag in seen}
    counts = await reader.all(_COUNT_TODOS, team_ids=list(team_ids), names=list(names))
    return {(count.team_id, count.name): count.todos for count in counts}
