"""The SQL that keeps a team's tag names: a tag exists from its first use on, spelled as it was first written."""

from sqlalchemy import ARRAY, Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from app.database.executor import Transaction
from app.database.schema import uuid
from app.database.statements import Change, scalar
from app.domain.ids import TeamId, UserId, uuid7
from app.domain.teams.tables import team_memberships
from app.domain.text import fold
from app.domain.todos.repository import BY_CALLER, unknown_team
from app.domain.todos.tables import tags
from app.domain.unit_of_work import refusals

m = team_memberships.c


def _pair(key: str, name: str) -> tuple[str, str]:
    return key, name


_REGISTER_TAGS = Change(
    "tags.register",
    insert(tags)
    .from_select(
        ["team_id", "id", "name", "key"],
        select(
            m.team_id,
            func.unnest(bindparam("ids", type_=ARRAY(uuid))),
            func.unnest(bindparam("names", type_=ARRAY(Text))),
            func.unnest(bindparam("keys", type_=ARRAY(Text))),
        ).where(BY_CALLER, m.team_id == bindparam("team_id", type_=uuid), m.role != "viewer"),
    )
    .on_conflict_do_nothing(index_elements=[tags.c.team_id, tags.c.key])
    .returning(tags.c.id),
    scalar,
)
# Locked, so that a tag is not renamed, merged or deleted before the todo that will carry it is stored.
_LOCK_NAMES = Change(
    "tags.lock_names",
    select(tags.c.key, tags.c.name)
    .where(
        tags.c.team_id == bindparam("team_id", type_=uuid), tags.c.key == func.any(bindparam("keys", type_=ARRAY(Text)))
    )
    .order_by(tags.c.key)
    .with_for_update(read=True, key_share=True),
    _pair,
)
# A tag can be deleted between the statement that finds it there and the one that locks it; then it is made again.
_ATTEMPTS = 2


async def register(work: Transaction, caller_id: UserId, team_id: TeamId, names: tuple[str, ...]) -> list[str]:
    """Makes the tags that the team does not have yet; all of `names` as the team spells them, each once, in order.

    Two statements; four at worst. A caller who may not write in the team makes none. Touches the team's tags if it
    made any.
    """
    wanted = {fold(name): name for name in reversed(names)}
    keys = list(dict.fromkeys(fold(name) for name in names))
    spelled: dict[str, str] = {}
    for _ in range(_ATTEMPTS):
        with refusals({"fk_tags_team_id": unknown_team}):
            made = await work.all(
                _REGISTER_TAGS,
                caller_id=caller_id,
                team_id=team_id,
                ids=[uuid7() for _ in keys],
                names=[wanted[key] for key in sorted(keys)],  # in one order for everybody: no deadlock over new names
                keys=sorted(keys),
            )
        if made:
            work.touch(_tags_of(team_id))
        spelled = dict(await work.all(_LOCK_NAMES, team_id=team_id, keys=keys))
        if len(spelled) == len(keys):
            break
    return [spelled.get(key, wanted[key]) for key in keys]


def _tags_of(team_id: TeamId) -> str:
    """As the tags' own `cache_tags` spell it: tags build on todos, so it cannot be asked from here."""
    return f"tags:{team_id}"
