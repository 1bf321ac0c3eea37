"""Somebody who has left traces in every table, and a search for what is left of them."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from app.database.executor import Database
from app.database.schema import metadata
from app.domain.encryption.tables import ENCRYPTED
from app.domain.erasure.commands import Means
from app.domain.guesses import limit
from app.domain.guesses.limit import Secret
from app.domain.identity import challenges, password_resets
from app.domain.identity.authority import Authority
from app.domain.identity.letters import Letters
from app.domain.ids import FactorId, TeamId
from app.domain.messages import commands as messages
from app.domain.messages.message import Message
from app.domain.projects.project import Project
from app.domain.second_factors import sending
from app.domain.second_factors.keys import FactorKeys
from app.domain.teams import commands as team_commands
from app.domain.teams.policy import Role
from app.domain.teams.team import Team
from app.domain.todos import commands as todo_commands
from app.domain.todos.todo import Todo
from app.domain.unit_of_work import unit_of_work
from app.domain.users import repository as users_repository
from app.domain.users.caller import Caller
from app.domain.users.user import User
from app.field_encryption import FieldCipher, Place
from tests.api_key_factories import make_api_key
from tests.authenticators import a_number
from tests.factories import CLIENT, make_user, open_session
from tests.team_factories import (
    caller_for,
    logged_in,
    make_caller,
    make_member,
    make_project,
    make_tag,
    make_team,
    make_todo,
)

DUE = "UPDATE users SET deletion_scheduled_at = now() - interval '1 second' WHERE id = $1"


@dataclass(frozen=True)
class Leaver:
    """Ann and what she has, in her own team and in others."""

    user: User
    caller: Caller
    phone: str
    canary: str
    # Ann alone is in the first; owns the second alone, with others in it; is a member of the third.
    alone: Team
    owned: Team
    joined: Team
    owner: Caller
    admin: Caller
    member: Caller
    # In `joined`: made by Ann, and by its owner for Ann.
    made: Todo
    assigned: Todo
    project: Project
    personal_team_id: TeamId

    @property
    def traces(self) -> list[str]:
        """What tells who Ann was, the id apart."""
        return [self.user.email, self.user.name, self.phone, self.canary]


@dataclass(frozen=True)
class Scene:
    """What people act in."""

    database: Database
    authority: Authority
    keys: FactorKeys
    letters: Letters
    connection: "asyncpg.Connection[asyncpg.Record]"
    means: Means = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "means", Means(self.keys.cipher, batch=2))

    async def leaver(self) -> Leaver:
        """Ann, whose every trace is hers alone."""
        canary = f"canary{uuid4().hex}"
        user = await make_user(self.database, name=f"Ann {uuid4().hex}", email=f"Ann.{uuid4().hex}@example.com")
        ann = await logged_in(self.database, self.authority, user)
        phone = await self._credentials(user, canary)
        await self._content(ann, canary)
        alone = await make_team(self.database, ann, name=f"Only {canary}")
        await make_todo(self.database, ann, title=canary, team=alone)
        owned = await make_team(self.database, ann)
        member = await make_member(self.database, ann, owned, Role.MEMBER)
        admin = await make_member(self.database, ann, owned, Role.ADMIN)
        await make_member(self.database, ann, owned, Role.ADMIN)
        owner = await make_caller(self.database)
        joined = await make_team(self.database, owner)
        await team_commands.add_member(self.database, owner, joined.id, email=user.email, role=Role.MEMBER)
        joined_ann = await caller_for(self.database, user)
        made = [await make_todo(self.database, joined_ann, team=joined) for _ in range(3)]
        assigned = [await make_todo(self.database, owner, team=joined, assignee_id=user.id) for _ in range(3)]
        project = await make_project(self.database, joined_ann, team=joined)
        async with unit_of_work(self.database) as work:
            await work._connection.raw.execute("UPDATE sessions SET label = $2 WHERE user_id = $1", user.id, canary)
        return Leaver(
            user, ann, phone, canary, alone, owned, joined, owner, admin, member, made[0], assigned[0], project,
            ann.personal_team_id,
        )  # fmt: skip

    async def _credentials(self, user: User, canary: str) -> str:
        """Everything that proves who Ann is or says how to reach her; her telephone number."""
        database, phone = self.database, a_number()
        await open_session(database, self.authority, user)
        await make_api_key(database, user, name=canary)
        await self._telephone(user, phone)
        holder = await users_repository.password_by_id(database.reader, user.id)
        assert holder is not None
        await challenges.challenge(database, holder, CLIENT)
        await limit.admit(database, user.id, Secret.TOTP)
        await password_resets.ask(database, self.letters, user.email)
        await self.connection.execute(
            "INSERT INTO recovery_codes (user_id, code_hash) SELECT $1, sha256($2::bytea)", user.id, user.id.bytes
        )
        export_id = uuid4()
        place = Place.of_row("export_chunks", "sealed", (export_id, 0))
        await self.connection.execute(
            "WITH asked AS (INSERT INTO exports (id, user_id) VALUES ($1, $2) RETURNING id)"
            " INSERT INTO export_chunks (export_id, number, sealed) SELECT id, 0, $3 FROM asked",
            export_id,
            user.id,
            self.keys.cipher.encrypt_bytes(canary.encode(), place=place),
        )
        await self.connection.execute(
            "INSERT INTO address_blocks (id, client_key, strike, signals, score, note, until, created_by, lifted_by)"
            " VALUES ($1, '192.0.2.1', 0, '{}', 0, '', now() + interval '1 day', $2, $2)",
            uuid4(),
            user.id,
        )
        return phone

    async def _telephone(self, user: User, phone: str) -> None:
        """Codes were sent there; without the price of proving the password before."""
        factor_id = FactorId(uuid4())
        await self.connection.execute(
            "INSERT INTO second_factors (id, user_id, method, sealed) VALUES ($1, $2, 'sms', $3)",
            factor_id,
            user.id,
            self.keys.seal(phone, factor_id),
        )
        for index in sending.counts_of(self.keys.cipher, user.id, [phone]):
            await self.connection.execute(
                "INSERT INTO code_sendings (recipient_index, sent, since, last_at) VALUES ($1, 1, now(), now())", index
            )
        async with unit_of_work(self.database) as work:
            message = Message(kind="test", channel="sms", to=phone, text="Hello.")
            await messages.send(work, self.keys.cipher, message)

    async def _content(self, ann: Caller, canary: str) -> None:
        """What only Ann sees."""
        project = await make_project(self.database, ann, name=canary)
        await make_tag(self.database, ann, canary[:40])
        todos = [await make_todo(self.database, ann, title=canary, project=project) for _ in range(3)]
        await todo_commands.delete(self.database, ann, todos[0].id)

    async def make_due(self, leaver: Leaver) -> None:
        await self.connection.execute(DUE, leaver.user.id)


async def everything(connection: Any, cipher: FieldCipher) -> dict[str, str]:
    """All that each table says, in lower case: as JSON, and what is encrypted in clear."""
    said = {}
    for name in metadata.tables:
        query = f"""SELECT coalesce(string_agg(to_jsonb(line)::text, ' '), '') FROM "{name}" AS line"""  # noqa: S608 - our own tables
        said[name] = str(await connection.fetchval(query)).lower()
    for encrypted in ENCRYPTED:
        table, column = encrypted.column.table.name, encrypted.column.name
        keys = ", ".join(key.name for key in encrypted.column.table.primary_key.columns)
        query = f"SELECT {keys}, {column} FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608 - as above
        for *key, sealed in await connection.fetch(query):
            opened = cipher.decrypt_bytes(sealed, place=Place.of_row(table, column, key))
            said[table] += opened.decode("utf-8", "replace").lower()
    return said


async def tables_with(connection: Any, cipher: FieldCipher, needles: list[str]) -> set[str]:
    """The tables in which any of the texts stands, as it is or as bytes, whatever its case."""
    return tables_saying(await everything(connection, cipher), needles)


def tables_saying(said: dict[str, str], needles: list[str]) -> set[str]:
    """The same of what was read before."""
    forms = {form for each in needles for form in (each.lower(), each.encode().hex(), each.lower().encode().hex())}
    return {name for name, text in said.items() if any(form in text for form in forms)}


def forms_of_id(user_id: UUID) -> list[str]:
    """How an id may."""
    return [str(user_id), user_id.hex]
