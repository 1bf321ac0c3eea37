"""What is past its time is deleted by the worker's jobs, and what is not quite so old stays."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from app.database.executor import Database
from app.worker import JOBS
from tests.conftest import Running
from tests.factories import make_user
from tests.server_processes import ROOT

SOON = timedelta(minutes=1)
JOB = {job.name: job for job in JOBS}


@dataclass(frozen=True)
class Kept:
    """A table of whose rows one job deletes those that are older than `age`.

    `insert` makes one: $1 is its key, as bytes where the key is a hash, $2 somebody's id, $3 how old it is.
    """

    job: str
    table: str
    key: str
    age: timedelta
    insert: str
    is_hash: bool = False


DAY = timedelta(days=1)
EXPIRING = timedelta(0)
KEPT = (
    Kept(
        "purge_exports", "export_chunks", "export_id", EXPIRING,
        "WITH made AS (INSERT INTO exports (id, user_id, finished_at, expires_at, size_bytes)"
        " VALUES ($1, $2, now() - interval '1 day', now() - $3::interval, 1) RETURNING id)"
        " INSERT INTO export_chunks (export_id, number, sealed) SELECT id, 0, '' FROM made",
    ),
    Kept(
        "purge_exports", "exports", "id", 30 * DAY,
        "INSERT INTO exports (id, user_id, finished_at) VALUES ($1, $2, now() - $3::interval)",
    ),
    Kept(
        "purge_messages", "messages", "id", 7 * DAY,
        "INSERT INTO messages (id, kind, channel, expires_at, finished_at, outcome)"
        " SELECT $1, 'test', 'mail', now(), now() - $3::interval, 'delivered' WHERE $2::uuid IS NOT NULL",
    ),
    Kept(
        "purge_todos", "todos", "id", 30 * DAY,
        "INSERT INTO todos (team_id, id, title, deleted_at)"
        " SELECT id, $1, 'x', now() - $3::interval FROM teams WHERE personal_user_id = $2",
    ),
    Kept(
        "purge_projects", "projects", "id", 30 * DAY,
        "INSERT INTO projects (team_id, id, name, deleted_at)"
        " SELECT id, $1, 'x', now() - $3::interval FROM teams WHERE personal_user_id = $2",
    ),
    Kept(
        "purge_sessions", "sessions", "id", EXPIRING,
        "INSERT INTO sessions (id, user_id, user_agent, address, idle_expires_at, expires_at)"
        " VALUES ($1, $2, '', '', now() - $3::interval, now() - $3::interval)",
    ),
    Kept(
        "purge_api_keys", "api_keys", "id", 30 * DAY,
        "INSERT INTO api_keys (id, user_id, name, token_hash, scopes, expires_at)"
        " VALUES ($1, $2, 'x', uuid_send($1), '{todos:read}', now() - $3::interval)",
    ),
    Kept(
        "purge_mailed_tokens", "mailed_tokens", "token_hash", EXPIRING,
        "INSERT INTO mailed_tokens (token_hash, purpose, is_good, email, email_key, user_id, expires_at)"
        " VALUES ($1, 'deletion', true, 'ann@example.com', 'ann@example.com', $2, now() - $3::interval)",
        is_hash=True,
    ),
    Kept(
        "purge_blocks", "address_blocks", "id", 30 * DAY,
        "INSERT INTO address_blocks (id, client_key, strike, signals, score, note, created_by, until)"
        " VALUES ($1, '192.0.2.1', 0, '{}', 0, '', $2, now() - $3::interval)",
    ),
    Kept(
        "purge_login_challenges", "login_challenges", "token_hash", EXPIRING,
        "INSERT INTO login_challenges (token_hash, user_id, proved_hash, client_hash, expires_at)"
        " VALUES ($1, $2, '', '', now() - $3::interval)",
        is_hash=True,
    ),
    Kept(
        "purge_second_factors", "second_factors", "id", timedelta(minutes=30),
        "INSERT INTO second_factors (id, user_id, method, created_at)"
        " SELECT $1, $2, CASE count(*) WHEN 0 THEN 'totp' ELSE 'sms' END, now() - $3::interval"
        " FROM second_factors WHERE user_id = $2",
    ),
    Kept(
        "purge_second_factors", "code_sendings", "recipient_index", DAY,
        "INSERT INTO code_sendings (recipient_index, sent, since, last_at)"
        " SELECT $1, 1, now() - $3::interval, now() - $3::interval WHERE $2::uuid IS NOT NULL",
        is_hash=True,
    ),
)  # fmt: skip
# Months that are dropped whole, and notes that every process sweeps up beforehand.
ELSEWHERE = {
    "drop_audit_months": "tests/domain/audit/test_upkeep.py",
    "discard_cache_touches": "tests/cache/test_announcing.py",
}


@pytest.fixture
async def behind(database_url: str) -> "AsyncIterator[asyncpg.Connection[Any]]":
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: f"{kept.job}: {kept.table}")
async def test_it_deletes_what_is_too_old_and_nothing_younger(
    kept: Kept, service: Running, database: Database, behind: "asyncpg.Connection[Any]"
) -> None:
    user = await make_user(database)
    old, young = (uuid4().bytes if kept.is_hash else uuid4() for _ in range(2))
    for key, age in ((old, kept.age + SOON), (young, kept.age - SOON)):
        await behind.execute(kept.insert, key, user.id, age)
    await JOB[kept.job].run(service.services)
    query = f"SELECT {kept.key} FROM {kept.table} WHERE {kept.key} = ANY ($1)"  # noqa: S608 - ours
    assert [row[0] for row in await behind.fetch(query, [old, young])] == [young]


def test_every_job_that_deletes_is_held_to_it() -> None:
    assert all((ROOT / path).exists() for path in ELSEWHERE.values())
    deleting = {name for name in JOB if name.startswith(("purge_", "drop_", "discard_"))}
    assert deleting == {kept.job for kept in KEPT} | ELSEWHERE.keys()
