"""The rows that are read and written: users with a personal team each, and their todos, the same in every run.

Knows the tables by their columns, not the service's code: COPY writes a million todos in the time that commands write a
thousand.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg

PASSWORD = "correct horse battery staple"  # noqa: S105 - of users that exist in the benchmark's own database
DEEP_EMAIL = "deep@example.com"
BEFORE_EMAIL = "before@example.com"
NOBODY = UUID(int=0)
"""An id that no user and no team has."""
CREATED_TITLE = "Created by the benchmark"
"""The title by which the rows of the create work are found and removed."""

_USERS = 1_000
_TODOS_EACH = 50
"""What an ordinary user has at least, where there are enough."""
_FIRST = datetime(2025, 1, 1, tzinfo=UTC)
_VOCABULARY = (
    "buy call check clean draft file fix mail move order pay plan print read renew repair review send sort test "
    "write the a new old next first last red blue big small friday monday office garden kitchen car bike train "
    "dentist invoice report letter ticket contract passport milk bread coffee lamp door window budget garage roof "
    "team project "
)
_WORDS = _VOCABULARY.split()
_STATUSES = ("open", "open", "open", "in_progress", "blocked", "done", "done", "done", "cancelled")
_TAGS = ("home", "work", "errand", "urgent", "someday", "reading", "garden", "travel")
_USER_COLUMNS = ("id", "email", "email_key", "name", "name_key", "password_hash", "created_at", "updated_at")
_TEAM_COLUMNS = ("id", "name", "slug", "personal_user_id", "created_at", "updated_at")
_MEMBERSHIP_COLUMNS = ("team_id", "user_id", "role", "created_at")
_TODO_COLUMNS = (
    "team_id",
    "id",
    "title",
    "description",
    "status",
    "priority",
    "due_date",
    "tags",
    "position",
    "created_by",
    "created_at",
    "updated_at",
    "completed_at",
)


_DROPPABLE = """
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
    FROM pg_index
    WHERE indrelid = 'todos'::regclass AND NOT indisunique
    ORDER BY name
"""
"""The indexes of todos that no constraint needs: made after a million rows in a third of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """How many of what, of a thousand users. One owns enough todos to turn a thousand pages; `users` share the rest."""

    todos: int = 1_000_000

    @property
    def users(self) -> int:
        """Ordinary users: so few that each has a page of todos, whose requests can then be compared at any size."""
        return max(1, min(_USERS, (self.todos - self.deep_todos) // _TODOS_EACH))

    @property
    def bystanders(self) -> int:
        """Users without todos: among a hundred memberships the planner reads them all, as it would in no real life."""
        return _USERS - self.users

    @property
    def deep_todos(self) -> int:
        """Todos of the user whose pages are turned: a thousand pages of 20 and one more, if that leaves half."""
        return min(1_001 * 20, self.todos // 2)


@dataclass(frozen=True, slots=True)
class Owner:
    """A user, the personal team and some of the todos in it."""

    user_id: UUID
    email: str
    team_id: UUID
    todo_ids: Sequence[UUID]


async def fill(url: str, population: Population, *, password_hash: str, before_hash: str) -> None:
    """Writes everybody and everything into a migrated, empty database, then VACUUM ANALYZE.

    The first hash is that of PASSWORD for all users but BEFORE_EMAIL, who gets the second.
    """
    chance = random.Random(population.todos)
    emails = [
        DEEP_EMAIL,
        BEFORE_EMAIL,
        *(f"user-{number}@example.com" for number in range(population.users)),
        *(f"bystander-{number}@example.com" for number in range(population.bystanders)),
    ]
    people = [(_id_at(_FIRST, chance), _id_at(_FIRST, chance), email) for email in emails]
    owners = [(user, team) for user, team, _ in people]
    rows: dict[str, tuple[Sequence[str], Iterable[tuple[object, ...]]]] = {
        "users": (
            _USER_COLUMNS,
            [
                (user, email, email, email[:4], email[:4], _hash_of(email, password_hash, before_hash), _FIRST, _FIRST)
                for user, _, email in people
            ],
        ),
        "teams": (
            _TEAM_COLUMNS,
            [(team, "Personal", f"personal-{user}", user, _FIRST, _FIRST) for user, team, _ in people],
        ),
        "team_memberships": (_MEMBERSHIP_COLUMNS, [(team, user, "owner", _FIRST) for user, team, _ in people]),
        "todos": (_TODO_COLUMNS, _todos(owners, population, chance)),
    }
    # As a replica: what refers to what is known to be right, and checking it takes longer than writing it.
    connection = await asyncpg.connect(url, server_settings={"session_replication_role": "replica"})
    try:
        indexes = await connection.fetch(_DROPPABLE)
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['name']}")
        for table, (columns, records) in rows.items():
            await connection.copy_records_to_table(table, columns=columns, records=records)
        for index in indexes:
            await connection.execute(index["definition"])
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()


async def owners(url: str, count: int, todos_each: int) -> list[Owner]:
    """The first `count` ordinary users, each with at most `todos_each` todos taken from all over the team."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT u.id, u.email, t.id AS team_id,"
            " ARRAY(SELECT id FROM todos WHERE team_id = t.id ORDER BY md5(id::text) LIMIT $2) AS todo_ids"
            " FROM users u JOIN teams t ON t.personal_user_id = u.id"
            " WHERE u.email LIKE 'user-%' ORDER BY u.id LIMIT $1",
            count,
            todos_each,
        )
    finally:
        await connection.close()
    return [Owner(row["id"], row["email"], row["team_id"], row["todo_ids"]) for row in rows]


async def remove_created(url: str) -> None:
    """Takes back what the create work has inserted, and vacuums, so that every round begins with the same table.

    Statistics stay those of the filled table, to which this brings it back.
    """
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DELETE FROM todos WHERE title = $1", CREATED_TITLE)
        await connection.execute("VACUUM todos")
    finally:
        await connection.close()


def _hash_of(email: str, password_hash: str, before_hash: str) -> str:
    return before_hash if email == BEFORE_EMAIL else password_hash


def _todos(
    people: Sequence[tuple[UUID, UUID]], population: Population, chance: random.Random
) -> Iterator[tuple[object, ...]]:
    """The deep user's todos and the others', mixed in time as they would be in life."""
    shallow = population.todos - population.deep_todos
    turns = [0] * population.deep_todos + [2 + number % population.users for number in range(shallow)]
    chance.shuffle(turns)
    for number, turn in enumerate(turns):
        user, team = people[turn]
        created = _FIRST + timedelta(seconds=20 * number)
        status = chance.choice(_STATUSES)
        done = created + timedelta(days=2) if status == "done" else None
        yield (
            team,
            _id_at(created, chance),
            " ".join(chance.choices(_WORDS, k=chance.randint(3, 7))).capitalize(),
            " ".join(chance.choices(_WORDS, k=chance.randint(5, 25))) if chance.random() < 0.5 else "",
            status,
            chance.randint(0, 4),
            date(2026, 1, 1) + timedelta(days=chance.randrange(365)) if chance.random() < 0.6 else None,
            chance.sample(_TAGS, chance.choice((0, 0, 1, 2))),
            float(number),
            user,
            created,
            done or created,
            done,
        )


def _id_at(moment: datetime, chance: random.Random) -> UUID:
    """A UUID version 7 (RFC 9562 section 5.7) of that moment."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | chance.getrandbits(12) << 64 | 0b10 << 62 | chance.getrandbits(62))
