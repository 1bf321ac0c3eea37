"""Archives as their owners would read them."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.database.executor import Database
from app.domain.exports import building, commands
from app.domain.exports.export import Export
from app.domain.ids import ExportId
from app.domain.users.caller import Caller
from app.domain.users.user import User
from app.field_encryption import FieldCipher
from app.lifespan import Services
from tests.team_factories import logged_in

KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class Read:
    """An archive, unpacked."""

    packed: bytes
    files: dict[str, bytes]

    @property
    def index(self) -> dict[str, Any]:
        """What it says of itself."""
        found: dict[str, Any] = json.loads(self.files["index.json"])
        return found

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The lines of one file."""
        return [json.loads(line) for line in self.files[f"{name}.jsonl"].splitlines()]

    def line(self, name: str) -> dict[str, Any]:
        """The one line of a file that has one."""
        (only,) = self.lines(name)
        return only

    def values(self, name: str, member: str) -> list[Any]:
        """One member of all lines, sorted."""
        return sorted(line[member] for line in self.lines(name))

    @property
    def text(self) -> str:
        """All that can be read in it."""
        return b"\n".join(self.files.values()).decode()


def read(packed: bytes) -> Read:
    """The archive, whose checksums are right, those of the format and those of its index."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    found = Read(packed, files)
    entries = {entry["name"]: entry for entry in found.index["files"]}
    assert [*entries, "index.json"] == list(files)
    for name, entry in entries.items():
        content = files[name]
        assert (entry["bytes"], entry["lines"]) == (len(content), len(content.splitlines())), name
        assert entry["sha256"] == hashlib.sha256(content).hexdigest(), name
    return found


async def build(database: Database, cipher: FieldCipher, *, page_size: int = 2) -> int:
    """What the worker does in one turn."""
    return await building.build_due(database, cipher, kept=KEPT, page_size=page_size)


async def fetch(database: Database, cipher: FieldCipher, caller: Caller, export: Export) -> bytes:
    """The archive as it is sent."""
    archive = await commands.open_archive(database, cipher, caller, export.id)
    packed = b"".join([piece async for piece in archive.pieces])
    assert len(packed) == archive.size_bytes
    return packed


async def exported(database: Database, cipher: FieldCipher, caller: Caller, *, page_size: int = 2) -> Read:
    """Asked for, built and fetched."""
    export = await commands.ask(database, caller)
    assert await build(database, cipher, page_size=page_size) == 1
    return read(await fetch(database, cipher, caller, export))


async def export_ready(services: Services, user: User) -> ExportId:
    """An export of `user` whose archive can be fetched, as the worker leaves it."""
    export = await commands.ask(services.database, await logged_in(services.database, services.authority, user))
    await building.build_due(services.database, services.cipher, kept=KEPT)
    return export.id
