"""Which rows a unit of work changed, as triggers saw it, and which cache tags it should therefore have noted.

The rules know tables and columns only, nothing of commands: a statement that somebody adds is held to them as well.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Connection

from app.domain.identity.cache_tags import of_api_key, of_session
from app.domain.ids import ApiKeyId, SessionId, TeamId, TodoId, UserId
from app.domain.projects.cache_tags import of_projects
from app.domain.tags.cache_tags import of_tags
from app.domain.teams.cache_tags import of_team
from app.domain.todos.cache_tags import of_every_item, of_item, of_list
from app.domain.users.cache_tags import of_user
from tests.domain.touching import BEHIND_THE_SCENES

# Every table whose rows can be seen in a cached value.
WATCHED = ("todos", "projects", "tags", "teams", "team_memberships", "users", "sessions", "api_keys")

# Columns that no cached value shows, and why.
UNSEEN = {
    "todos": {"search": "made from title and description, which count themselves"},
    "users": {
        "password_hash": "shown to nobody; the sessions that a new password ends count themselves",
        "email_key": "made from the address",
        "name_key": "made from the name",
        "password_needs_factor": "shown to nobody; logins and changes of the password ask the database",
        "second_factor_since": "as above",
        "deletion_scheduled_at": "shown to nobody",
    },
    "sessions": {
        "label": "only in the list of sessions, which is not cached",
        "user_agent": "as above",
        "address": "as above",
        "created_at": "as above",
        "last_seen_at": "as above",
        "revoked_reason": "as above",
        "fresh_until": "shown to nobody; every command that depends on it asks the database",
    },
    "api_keys": {
        "name": "only in the list of keys, which is not cached",
        "created_at": "as above",
        "last_used_at": "as above",
        "last_used_address": "as above",
        "revoked_reason": "shown to nobody",
        "token_hash": "shown to nobody, and never changed",
    },
}

_REMEMBER = """
CREATE TABLE remembered_changes (
    number bigint GENERATED ALWAYS AS IDENTITY,
    transaction text NOT NULL DEFAULT pg_current_xact_id()::text,
    moment timestamptz NOT NULL DEFAULT clock_timestamp(),
    relation text NOT NULL,
    before jsonb,
    after jsonb
);
CREATE FUNCTION remember_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('application_name') <> TG_ARGV[0] THEN
        INSERT INTO remembered_changes (relation, before, after) VALUES (TG_RELNAME, to_jsonb(OLD), to_jsonb(NEW));
    END IF;
    RETURN NULL;
END $$;
"""


@dataclass(frozen=True)
class RowChange:
    """One row before (None: it is new) and after (None: it is gone)."""

    relation: str
    moment: datetime
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def kind(self) -> str:
        """INSERT, UPDATE or DELETE."""
        if self.before is None:
            return "INSERT"
        return "DELETE" if self.after is None else "UPDATE"

    @property
    def row(self) -> dict[str, Any]:
        """The row as it is, or as it was last."""
        return self.after or self.before or {}

    @property
    def columns(self) -> set[str]:
        """What a cached value could show to be different now."""
        before, after = self.before or {}, self.after or {}
        different = {name for name in before | after if before.get(name) != after.get(name)}
        return different - UNSEEN.get(self.relation, {}).keys()


@dataclass
class Work:
    """One transaction: the changes in their order, and the tags that it noted. Without changes it is of no interest."""

    changes: list[RowChange] = field(default_factory=list)
    noted: set[str] = field(default_factory=set)


async def watch(connection: "Connection[Any]") -> None:
    """From now on every change of a watched table is remembered, and so is every note."""
    await connection.execute(_REMEMBER)
    events = dict.fromkeys(WATCHED, "INSERT OR UPDATE OR DELETE") | {"cache_touches": "INSERT"}
    for table, which in events.items():
        await connection.execute(
            f"CREATE TRIGGER remember AFTER {which} ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION remember_change('{BEHIND_THE_SCENES}')"
        )


async def works(connection: "Connection[Any]") -> list[Work]:
    """What has been remembered, one Work for each transaction, in the order in which they began to write."""
    remembered: dict[str, Work] = defaultdict(Work)
    for row in await connection.fetch("SELECT * FROM remembered_changes ORDER BY number"):
        before, after = (json.loads(row[name]) if row[name] else None for name in ("before", "after"))
        change = RowChange(row["relation"], row["moment"], before, after)
        work = remembered[row["transaction"]]
        if change.relation == "cache_touches":
            work.noted.update(change.row["tags"])
        else:
            work.changes.append(change)
    return list(remembered.values())


class Rules:
    """What must be noted for each change. They follow who is in which team, so show them every transaction in order."""

    def __init__(self) -> None:
        self._teams: dict[str, set[str]] = defaultdict(set)
        self._of_table: dict[str, Callable[[RowChange], list[set[str]]]] = {
            "todos": self._of_todo,
            "projects": lambda change: [{of_projects(_team(change.row))}],
            "tags": lambda change: [{of_tags(_team(change.row))}],
            "teams": lambda change: [{of_team(TeamId(UUID(change.row["id"])))}],
            "team_memberships": lambda change: [{of_team(_team(change.row))}, {of_user(_user(change.row))}],
            "users": self._of_user,
            "sessions": self._of_session,
            "api_keys": self._of_api_key,
        }

    def missing(self, work: Work) -> list[str]:
        """What the transaction should have noted and did not, in words; empty if all is well."""
        for change in work.changes:
            if change.relation == "team_memberships":
                self._follow(change)
        return [
            f"{change.kind} of {change.relation} ({', '.join(sorted(change.columns))}): none of {sorted(any_of)}"
            for change in work.changes
            for any_of in self.required(change)
            if not any_of & work.noted
        ]

    def required(self, change: RowChange) -> list[set[str]]:
        """Sets of tags, of each of which one must be noted.

        Nobody can have asked for an id that did not exist, so what is new is missed by the lists that it belongs to.
        """
        return self._of_table[change.relation](change) if change.columns else []

    def _follow(self, change: RowChange) -> None:
        teams = self._teams[change.row["user_id"]]
        if change.after is None:
            teams.discard(change.row["team_id"])
        else:
            teams.add(change.row["team_id"])

    def _of_todo(self, change: RowChange) -> list[set[str]]:
        team_id, todo_id = _team(change.row), TodoId(UUID(change.row["id"]))
        required = [{of_list(team_id)}]
        # By itself a todo is seen outside the trash only.
        was_seen = change.before is not None and change.before["deleted_at"] is None
        is_seen = change.after is not None and change.after["deleted_at"] is None
        if change.before is not None and (was_seen or is_seen):
            required.append({of_item(todo_id), of_every_item(team_id)})
        return required

    def _of_user(self, change: RowChange) -> list[set[str]]:
        user_id = change.row["id"]
        required = [{of_user(UserId(UUID(user_id)))}]
        if change.columns & {"name", "email"}:
            required += [{of_team(TeamId(UUID(team_id)))} for team_id in sorted(self._teams[user_id])]
        return required

    def _of_session(self, change: RowChange) -> list[set[str]]:
        before, after = change.before, change.after
        if before is None or _ends(before) <= change.moment:
            return []
        # What is cached of a session goes by itself at the end that was known then: only an earlier one is news.
        if after is not None and _ends(after) >= _ends(before):
            return []
        return [{of_session(SessionId(UUID(before["id"]))), of_user(_user(before))}]

    def _of_api_key(self, change: RowChange) -> list[set[str]]:
        before, after = change.before, change.after
        if before is None or _ends(before) <= change.moment:
            return []
        # As for sessions. What a key may do never changes, so there is no other news of it.
        if after is not None and _ends(after) >= _ends(before):
            return []
        return [{of_api_key(ApiKeyId(UUID(before["id"]))), of_user(_user(before))}]


def _ends(proof: dict[str, Any]) -> datetime:
    """When a session or a key ends, as far as is known."""
    ends = (proof["revoked_at"], proof.get("idle_expires_at"), proof["expires_at"])
    return min(datetime.fromisoformat(end) for end in ends if end is not None)


def _team(row: dict[str, Any]) -> TeamId:
    return TeamId(UUID(row["team_id"]))


def _user(row: dict[str, Any]) -> UserId:
    return UserId(UUID(row["user_id"]))
