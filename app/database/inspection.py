"""What an operator asks a database server before trusting it: version, room for connections, clock, schema revision."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

CONNECT_SECONDS = 5.0

_FACTS = """
SELECT current_setting('server_version_num')::int AS version,
       current_setting('server_version') AS version_name,
       current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true)::int, 0) AS connections,
       clock_timestamp() AS clock,
       to_regclass('alembic_version') IS NOT NULL AS is_migrated,
       current_setting('server_encoding') AS encoding,
       current_user::text AS role,
       coalesce((
         SELECT bool_or(pg_has_role(relowner, 'MEMBER')
           OR has_table_privilege(oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER'))
         FROM pg_class WHERE oid IN (to_regclass('audit_log'), to_regclass('audit_chains'), to_regclass('audit_policy'))
       ), false) AS may_change_audit_log
"""


class DatabaseUnreachable(Exception):
    """No session could be opened; the message is the driver's reason."""


@dataclass(frozen=True)
class ServerFacts:
    """One answer of the server. `version` is 180004 for 18.4; `connections` is what ordinary roles may open.

    `revision` is None, too, where the role may not know it: before the first migration that gives it any rights.
    """

    version: int
    version_name: str
    connections: int
    clock: datetime
    encoding: str
    role: str
    may_change_audit_log: bool
    revision: str | None


async def inspect(database_url: str) -> ServerFacts:
    """Asks the server over a connection of its own; two round trips. Raises DatabaseUnreachable."""
    try:
        connection = await asyncpg.connect(database_url, timeout=CONNECT_SECONDS, command_timeout=CONNECT_SECONDS)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise DatabaseUnreachable(str(error) or type(error).__name__) from error
    try:
        facts = await connection.fetchrow(_FACTS)
        if facts is None:
            raise DatabaseUnreachable("it answers without a row")
        values = dict(facts)
        is_migrated = values.pop("is_migrated")
        return ServerFacts(**values, revision=await _revision(connection) if is_migrated else None)
    finally:
        await connection.close()


async def _revision(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    try:
        revision: str = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.InsufficientPrivilegeError:
        return None
    return revision
