"""The SQL of an archive's lines, file by file. `lines` makes of the rows what people read.

What a person may not see any more is not shown: of what they made in a team that they have left, only that they did.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import ARRAY, Select, Text, and_, case, cast, func, literal, null, or_, select, union_all
from sqlalchemy.sql import ColumnElement

from app.database.executor import Reader
from app.database.statements import Query, scalar
from app.domain.audit.entry import Outcome
from app.domain.audit.tables import audit_log
from app.domain.blocks.tables import address_blocks
from app.domain.exports.tables import exports
from app.domain.exports.walk_repository import USER_ID, Walk
from app.domain.guesses.tables import guesses
from app.domain.identity.tables import api_keys, login_challenges, mailed_tokens, refresh_tokens, sessions
from app.domain.ids import FactorId, UserId
from app.domain.messages.tables import messages
from app.domain.projects.tables import projects
from app.domain.second_factors.tables import recovery_codes, second_factors
from app.domain.teams.tables import team_memberships, teams
from app.domain.todos.tables import tags, todos
from app.domain.users.tables import users

# What the log says of these was changed by the person or about them, and holds nothing of others but their ids.
_TOLD = ("team", "project", "todo", "tag", "session", "api-key", "api_key", "export")
_PEOPLE = ("user", "member")

a, b, p, t = audit_log.c, address_blocks.c, projects.c, todos.c

_personal_team = select(teams.c.id).where(teams.c.personal_user_id == USER_ID).scalar_subquery()
_own_email_key = select(users.c.email_key).where(users.c.id == USER_ID).scalar_subquery()


class Phone(Struct, frozen=True):
    """A telephone number as it is stored with a second factor."""

    factor_id: FactorId
    sealed: bytes


def _columns(table: Any, names: str) -> list[ColumnElement[Any]]:
    return [table.c[name] for name in names.split()]


def _own(table: Any, names: str, key: str = "id") -> Walk:
    """The columns of all rows whose user_id is the person's; `key` is unique among these."""
    return Walk(table.name, select(*_columns(table, names)).where(table.c.user_id == USER_ID), table.c[key])


def _is_you(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(column == USER_ID, literal(False))


def _is_one_of(column: ColumnElement[Any], values: tuple[str, ...]) -> ColumnElement[bool]:
    return column == func.any(literal(list(values), ARRAY(Text)))


def _is_member_of(team_id: ColumnElement[Any]) -> ColumnElement[bool]:
    m = team_memberships.c
    return select(m.team_id).where(m.team_id == team_id, m.user_id == USER_ID).exists()


def _projects() -> tuple[Walk, ...]:
    shown = select(
        p.id,
        p.team_id,
        _is_you(p.user_id).label("created_by_you"),
        *_columns(projects, "name description color status position created_at updated_at deleted_at"),
    )
    elsewhere = shown.where(p.user_id == USER_ID, p.team_id.is_distinct_from(_personal_team), _is_member_of(p.team_id))
    return (
        Walk("personal_projects", shown.where(p.team_id == _personal_team), p.id),
        Walk("created_projects", elsewhere, p.created_at, p.id),
    )


def _todos() -> tuple[Walk, ...]:
    shown = select(
        t.id,
        t.team_id,
        _is_you(t.created_by).label("created_by_you"),
        _is_you(t.assignee_id).label("assigned_to_you"),
        *_columns(todos, "project_id parent_id title description status priority due_date tags position external_id"),
        *_columns(todos, "created_at updated_at completed_at deleted_at"),
    )
    is_elsewhere = t.team_id.is_distinct_from(_personal_team)
    created = shown.where(t.created_by == USER_ID, is_elsewhere, _is_member_of(t.team_id))
    # Through the memberships, which the index begins with. Whoever is assigned is a member.
    assigned = shown.join(team_memberships, team_memberships.c.team_id == t.team_id).where(
        team_memberships.c.user_id == USER_ID,
        t.assignee_id == USER_ID,
        is_elsewhere,
        t.created_by.is_distinct_from(USER_ID),
    )
    return (
        Walk("personal_todos", shown.where(t.team_id == _personal_team), t.id),
        Walk("created_todos", created, t.team_id, t.created_at, t.id),
        Walk("assigned_todos", assigned, t.team_id, t.created_at, t.id),
    )


def _left_behind(table: Any, creator: ColumnElement[Any], *keys: ColumnElement[Any]) -> tuple[Walk, ...]:
    c = table.c
    query = select(c.id, c.team_id, c.created_at).where(creator == USER_ID, ~_is_member_of(c.team_id))
    return (Walk(f"left_behind_{table.name}", query, *keys),)


def _mailed_links() -> tuple[Walk, ...]:
    c = mailed_tokens.c
    shown = select(*_columns(mailed_tokens, "purpose email is_good created_at expires_at"))
    to_the_address = shown.where(c.email_key == _own_email_key, c.user_id.is_distinct_from(USER_ID))
    return (
        Walk("mailed_links", shown.where(c.user_id == USER_ID), c.token_hash),
        Walk("mailed_links_to_address", to_the_address, c.token_hash),
    )


def _teams() -> tuple[Walk, ...]:
    m, c = team_memberships.c, teams.c
    query = select(
        c.id.label("team_id"),
        c.name,
        c.slug,
        _is_you(c.personal_user_id).label("is_personal"),
        m.role,
        m.created_at.label("joined_at"),
        c.created_at,
        c.updated_at,
    ).join_from(team_memberships, teams, c.id == m.team_id)
    return (Walk("teams", query.where(m.user_id == USER_ID), m.team_id),)


def _session_refreshes() -> tuple[Walk, ...]:
    c = refresh_tokens.c
    query = select(c.session_id, c.created_at, c.used_at).join(sessions, sessions.c.id == c.session_id)
    return (Walk("refresh_tokens", query.where(sessions.c.user_id == USER_ID), c.session_id, c.token_hash),)


def _events() -> tuple[Walk, ...]:
    is_yours, you = _is_you(a.actor_id), cast(USER_ID, Text)
    is_person = func.coalesce(_is_one_of(a.subject_kind, _PEOPLE), literal(False))
    is_about_you = and_(is_person, a.subject_id == you)
    # A refusal says which operation and why; what else has no subject may say whom somebody looked for.
    is_refused = and_(a.subject_kind.is_(None), a.outcome == Outcome.REFUSED.value)
    is_told = or_(is_about_you, is_refused, _is_one_of(a.subject_kind, _TOLD))

    def only(condition: ColumnElement[Any], column: ColumnElement[Any]) -> ColumnElement[Any]:
        return case((condition, column), else_=null()).label(column.key)

    shown: Select[Any] = select(
        a.at,
        a.id,
        a.action,
        a.outcome,
        case((is_yours, "you"), (a.actor_id.is_not(None), "another person"), else_=a.actor_kind).label("by"),
        only(is_yours, a.token_id),
        a.subject_kind,
        only(or_(is_about_you, ~is_person), a.subject_id),
        a.team_id,
        only(is_yours, a.request_id),
        only(is_yours, a.address),
        case((is_told, cast(a.changed, Text)), else_=null()).label("changed"),
    )
    by_others = shown.where(a.subject_id == you, a.actor_id.is_distinct_from(USER_ID))
    return (
        Walk("events_by", shown.where(a.actor_id == USER_ID), a.at, a.id),
        *(Walk(f"events_about_{kind}", by_others.where(a.subject_kind == kind), a.at, a.id) for kind in _PEOPLE),
    )


def _blocks_decided() -> tuple[Walk, ...]:
    is_made = _is_you(b.created_by)
    query = select(
        b.id,
        is_made.label("made_by_you"),
        _is_you(b.lifted_by).label("lifted_by_you"),
        case((is_made, b.note), else_=null()).label("note"),
        *_columns(address_blocks, "strike since until lifted_at"),
    )
    return (Walk("blocks_decided", query.where(or_(b.created_by == USER_ID, b.lifted_by == USER_ID)), b.id),)


def _account() -> tuple[Walk, ...]:
    names = (
        "id email email_verified_at name roles is_active timezone locale second_factor_since password_needs_factor "
        "deletion_scheduled_at version created_at updated_at"
    )
    return (Walk("account", select(*_columns(users, names)).where(users.c.id == USER_ID), users.c.id),)


def _messages() -> tuple[Walk, ...]:
    """All messages that are on their way to anybody: whom each is for is encrypted, and found out line by line."""
    query = select(*_columns(messages, "id kind channel created_at expires_at attempts recipient"))
    return (Walk("messages", query.where(messages.c.finished_at.is_(None)), messages.c.id),)


_SESSION = "id label user_agent address created_at last_seen_at idle_expires_at expires_at fresh_until revoked_at "
_API_KEY = "id name scopes created_at expires_at last_used_at last_used_address revoked_at revoked_reason"
_FACTOR = "id method sealed created_at confirmed_at last_used_at code_expires_at code_tries"

WALKS: Mapping[str, tuple[Walk, ...]] = {
    "account": _account(),
    "sessions": (_own(sessions, _SESSION + "revoked_reason"),),
    "session_refreshes": _session_refreshes(),
    "api_keys": (_own(api_keys, _API_KEY),),
    "logins_under_way": (_own(login_challenges, "attempts expires_at", "token_hash"),),
    "second_factors": (_own(second_factors, _FACTOR),),
    "recovery_codes": (_own(recovery_codes, "used_at", "code_hash"),),
    "wrong_guesses": (_own(guesses, "secret failures since", "secret"),),
    "mailed_links": _mailed_links(),
    "teams": _teams(),
    "projects": _projects(),
    "todos": _todos(),
    "left_behind_projects": _left_behind(projects, p.user_id, p.created_at, p.id),
    "left_behind_todos": _left_behind(todos, t.created_by, t.team_id, t.created_at, t.id),
    "tags": (
        Walk(
            "tags",
            select(*_columns(tags, "id team_id name color created_at updated_at")).where(
                tags.c.team_id == _personal_team
            ),
            tags.c.id,
        ),
    ),
    "events": _events(),
    "messages": _messages(),
    "blocks_decided": _blocks_decided(),
    "exports": (_own(exports, "id created_at finished_at expires_at size_bytes"),),
}

_ADDRESSES = Query(
    "exports.addresses",
    union_all(
        select(users.c.email).where(users.c.id == USER_ID),
        select(mailed_tokens.c.email).where(mailed_tokens.c.user_id == USER_ID),
    ),
    scalar,
)
_PHONES = Query(
    "exports.phones",
    select(second_factors.c.id, second_factors.c.sealed).where(
        second_factors.c.user_id == USER_ID, second_factors.c.method == "sms", second_factors.c.sealed.is_not(None)
    ),
    Phone,
)


async def addresses(reader: Reader, user_id: UserId) -> list[str]:
    """Where mail for this person goes: to their address, and while they change it to the next one."""
    return await reader.all(_ADDRESSES, user_id=user_id)


async def phones(reader: Reader, user_id: UserId) -> list[Phone]:
    """The telephone numbers of this person."""
    return await reader.all(_PHONES, user_id=user_id)
