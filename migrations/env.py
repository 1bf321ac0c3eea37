"""Runs alembic over asyncpg.

Every migration waits four seconds at most for a lock and runs ten minutes at most, then fails and changes nothing.
"""

import asyncio
import os
import re

import asyncpg
from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.database import touches
from app.database.schema import metadata
from app.domain.audit import tables as audit_tables
from app.domain.blocks import tables as block_tables
from app.domain.erasure import tables as erasure_tables
from app.domain.guesses import tables as guess_tables
from app.domain.identity import tables as identity_tables
from app.domain.messages import tables as message_tables
from app.domain.second_factors import tables as factor_tables
from app.domain.todos import tables as todo_tables

LIMITS = ("SET lock_timeout = '4s'", "SET statement_timeout = '10min'")

# Importing a table adds it to the metadata; these bring projects, teams and users with them.
TABLES = (
    audit_tables.audit_log,
    block_tables.address_blocks,
    erasure_tables.erasures,
    guess_tables.guesses,
    identity_tables.refresh_tokens,
    message_tables.messages,
    factor_tables.second_factors,
    todo_tables.tags,
    touches.cache_touches,
)
# The months of the audit log come and go by themselves.
PARTITION = re.compile(r"audit_log_(\d{4}_\d{2}|default)")


def _configure(**options: object) -> None:
    context.configure(
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
        include_name=lambda name, kind, _parents: kind != "table" or not PARTITION.fullmatch(name or ""),
        **options,  # type: ignore[arg-type]  # alembic types each option by itself
    )


def _offline() -> None:
    _configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        for limit in LIMITS:
            context.execute(limit)
        context.run_migrations()


def _on(connection: Connection) -> None:
    for limit in LIMITS:
        connection.exec_driver_sql(limit)
    connection.commit()
    _configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def _online() -> None:
    url = context.config.attributes.get("database_url") or os.environ["DATABASE_URL"]

    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://", 1))

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_on)
    await engine.dispose()


if context.is_offline_mode():
    _offline()
else:
    asyncio.run(_online())
