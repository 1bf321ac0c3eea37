"""Tests of what tells one database from another, and of counting statements in PostgreSQL's log."""

from pathlib import Path

from bench.databases import Schema, statements_of

LOG = """\
2026-11-21 14:50:42.914 UTC [100] LOG:  connection received: todos
2026-11-21 14:50:42.915 UTC [100] LOG:  execute __asyncpg_stmt_1__: SELECT todos.id, todos.title
\tFROM team_memberships, todos
\tWHERE todos.team_id = $1
2026-11-21 14:50:42.916 UTC [100] DETAIL:  Parameters: $1 = 'todos'
2026-11-21 14:50:42.917 UTC [101] LOG:  execute __asyncpg_stmt_2__: SELECT 1 FROM sessions WHERE todos_seen
2026-11-21 14:50:42.918 UTC [101] LOG:  statement: BEGIN
2026-11-21 14:50:42.919 UTC [101] LOG:  execute __asyncpg_stmt_3__: INSERT INTO "todos" VALUES ($1)
"""


class TestStatementsOf:
    def test_it_finds_those_about_the_table_however_they_are_wrapped(self) -> None:
        found = statements_of(LOG, "todos")
        assert [statement.partition("execute ")[2].split(":")[0] for statement in found] == [
            "__asyncpg_stmt_1__",
            "__asyncpg_stmt_3__",
        ]

    def test_a_quiet_log_has_none(self) -> None:
        assert statements_of("", "todos") == []


class TestFingerprint:
    def test_it_changes_with_the_migrations_only(self, tmp_path: Path) -> None:
        versions = tmp_path / "migrations" / "versions"
        versions.mkdir(parents=True)
        (versions / "0001_first.py").write_text("first")
        schema = Schema(tmp_path, "python")
        before = schema.fingerprint()
        (tmp_path / "README.md").write_text("changed")
        assert schema.fingerprint() == before
        (versions / "0002_second.py").write_text("second")
        assert schema.fingerprint() != before
