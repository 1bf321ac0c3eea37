"""Keys are replaced while the service writes, and what cannot be read is counted instead of lost."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import Column, LargeBinary, MetaData, Table

from app.database.executor import Database
from app.database.schema import Sealed, uuid
from app.domain.encryption import commands, queries, repository
from app.domain.encryption.commands import Rotated
from app.domain.encryption.tables import EncryptedColumn
from app.field_encryption import FieldCipher, Place, field_cipher, key_id_of
from app.settings import load_settings

# A table of the test's own: two columns in its key, and a blind index.
vault = Table(
    "vault",
    MetaData(),
    Column("team_id", uuid, primary_key=True),
    Column("id", uuid, primary_key=True),
    Column("phone", Sealed),
    Column("phone_index", LargeBinary),
)
VAULT = EncryptedColumn(vault.c.phone, vault.c.phone_index)


def cipher_of(keys: str, index_keys: str = "i1") -> FieldCipher:
    """A cipher with keys of these names, the first one current."""

    def listed(names: str) -> str:
        return ",".join(f"{name}:{base64.b64encode(name.encode().ljust(32)).decode()}" for name in names.split())

    return field_cipher(load_settings(ENCRYPTION_KEYS=listed(keys), BLIND_INDEX_KEYS=listed(index_keys)).encryption)


BEFORE, BOTH, AFTER = cipher_of("k1"), cipher_of("k2 k1"), cipher_of("k2")


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "CREATE TABLE vault (team_id uuid, id uuid, phone bytea, phone_index bytea, PRIMARY KEY (team_id, id))"
    )
    yield connection
    await connection.execute("DROP TABLE vault")
    await connection.close()


def place(team_id: UUID, row_id: UUID) -> Place:
    return Place.of_row("vault", "phone", (team_id, row_id))


async def fill(rows: Any, count: int, cipher: FieldCipher = BEFORE) -> None:
    """Rows in a few teams, each with a number of its own, every tenth without one."""
    teams = [uuid4() for _ in range(3)]
    values = []
    for number in range(count):
        team_id, row_id, text = teams[number % 3], uuid4(), f"+49{number:09}"
        sealed = cipher.encrypt(text, place=place(team_id, row_id)) if number % 10 else None
        index = cipher.blind_index(text, purpose="vault.phone") if number % 10 else None
        values.append((team_id, row_id, sealed, index))
    await rows.executemany("INSERT INTO vault VALUES ($1, $2, $3, $4)", values)


async def read(rows: Any, cipher: FieldCipher) -> set[str]:
    """What the rows hold; each with the index that belongs to it."""
    texts = set()
    for row in await rows.fetch("SELECT * FROM vault WHERE phone IS NOT NULL"):
        text = cipher.decrypt(row["phone"], place=place(row["team_id"], row["id"]))
        assert row["phone_index"] == cipher.blind_index(text, purpose="vault.phone")
        texts.add(text)
    return texts


async def rotate(database: Database, cipher: FieldCipher = BOTH) -> Rotated:
    (result,) = await commands.rotate(database, cipher, columns=[VAULT])
    return result


class TestRotate:
    async def test_every_value_gets_the_current_key(self, database: Database, rows: Any):
        await fill(rows, 500)
        before = await read(rows, BEFORE)
        assert (await queries.key_use(database.reader, [VAULT])).values == {"k1": 450}
        result = await rotate(database)
        assert (result.replaced, result.is_complete) == (450, True)
        assert await read(rows, AFTER) == before, "the old key is not needed any more"
        assert (await queries.key_use(database.reader, [VAULT])).values == {"k2": 450}

    async def test_a_second_run_finds_nothing_to_do(self, database: Database, rows: Any):
        await fill(rows, 30)
        await rotate(database)
        before = await rows.fetch("SELECT xmin, * FROM vault")
        assert (await rotate(database)).replaced == 0
        assert await rows.fetch("SELECT xmin, * FROM vault") == before

    async def test_it_goes_on_where_it_was_cut_off(
        self, database: Database, rows: Any, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(commands, "BATCH", 20)
        await fill(rows, 100)

        def cut_off(_progress: Rotated) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await commands.rotate(database, BOTH, columns=[VAULT], report=cut_off)
        use = (await queries.key_use(database.reader, [VAULT])).values
        assert 0 < use["k2"] < 90
        assert (await rotate(database)).replaced == 90 - use["k2"]
        assert len(await read(rows, AFTER)) == 90

    async def test_a_writer_who_comes_between_wins(
        self, database: Database, rows: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
    ):
        """Each row is changed by somebody else after it was read, once; the new values must survive."""
        await fill(rows, 50)
        replace, overtaken = repository.replace, set()
        writer = await asyncpg.connect(database_url)

        async def overtaking(work: Any, encrypted: Any, stored: Any, **parameters: Any) -> bool:
            if stored.key not in overtaken:
                overtaken.add(stored.key)
                text = f"new {len(overtaken)}"
                await writer.execute(
                    "UPDATE vault SET phone = $3, phone_index = $4 WHERE team_id = $1 AND id = $2",
                    *stored.key,
                    BEFORE.encrypt(text, place=place(*stored.key)),  # by a process that has the old settings
                    BEFORE.blind_index(text, purpose="vault.phone"),
                )
            return await replace(work, encrypted, stored, **parameters)

        monkeypatch.setattr(repository, "replace", overtaking)
        result = await rotate(database)
        await writer.close()
        assert (len(overtaken), result.replaced, result.is_complete) == (45, 45, True)
        assert await read(rows, AFTER) == {f"new {number}" for number in range(1, 46)}

    async def test_two_at_once_do_no_harm(self, database: Database, rows: Any):
        await fill(rows, 300)
        before = await read(rows, BEFORE)
        results = await asyncio.gather(rotate(database), rotate(database))
        assert sum(result.replaced for result in results) == 270
        assert await read(rows, AFTER) == before

    async def test_what_needs_a_lost_key_is_counted_and_left(self, database: Database, rows: Any):
        await fill(rows, 20)
        await fill(rows, 20, cipher_of("k0"))
        result = await rotate(database)
        assert (result.replaced, result.needing, result.is_complete) == (18, {"k0": 18}, False)
        assert (await rotate(database, cipher_of("k2 k1 k0"))).is_complete
        assert len(await rows.fetch("SELECT FROM vault WHERE phone IS NOT NULL")) == 36

    async def test_a_moved_value_is_found_and_left(self, database: Database, rows: Any):
        await fill(rows, 5)
        (victim, other) = await rows.fetch("SELECT * FROM vault WHERE phone IS NOT NULL LIMIT 2")
        await rows.execute("UPDATE vault SET phone = $1 WHERE id = $2", other["phone"], victim["id"])
        result = await rotate(database)
        assert (result.replaced, result.broken) == (3, [f"{victim['team_id']}/{victim['id']}"])
        assert await rows.fetchval("SELECT phone FROM vault WHERE id = $1", victim["id"]) == other["phone"]

    async def test_a_new_index_key_makes_every_index_anew(self, database: Database, rows: Any):
        await fill(rows, 30)
        replacing = cipher_of("k1", "i2 i1")
        assert (await rotate(database, replacing)).replaced == 27
        assert len(await read(rows, cipher_of("k1", "i2"))) == 27
        assert (await queries.key_use(database.reader, [VAULT])).indexes == {"i2": 27}

    async def test_what_no_key_made_is_counted(self, database: Database, rows: Any):
        await rows.execute("INSERT INTO vault VALUES ($1, $1, 'in the clear')", uuid4())
        assert (await queries.key_use(database.reader, [VAULT])).values == {None: 1}
        assert key_id_of(b"in the clear") is None
        assert len((await rotate(database)).broken) == 1
