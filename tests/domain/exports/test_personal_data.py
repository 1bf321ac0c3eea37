"""No table and no column is forgotten: whatever leads to a person is in the archive, or it is said why not.

Derived from the tables themselves, so that this fails for whatever somebody adds and nobody has decided about.
"""

import importlib
import pkgutil
from collections.abc import Mapping

from sqlalchemy import UUID, Column, ForeignKey, MetaData, Table, Text
from sqlalchemy.sql import visitors

import app.domain
from app.database.schema import metadata
from app.database.touches import cache_touches
from app.domain.exports.contents import FILES
from app.domain.exports.contents_repository import WALKS
from app.domain.personal_data import NOBODY, PERSONAL_DATA, Held

for module in pkgutil.walk_packages(app.domain.__path__, "app.domain."):
    if module.name.endswith("tables"):
        importlib.import_module(module.name)

USERS = "users"
# What a column that leads to a person is called where no foreign key says so.
TELLING = ("user", "actor", "owner", "account", "email", "phone", "recipient", "assignee", "member")


def leading_to_people(tables: MetaData) -> set[str]:
    """The tables from which foreign keys lead to users, over however many others; users among them."""
    found = {USERS}
    while True:
        more = {
            table.name
            for table in tables.tables.values()
            if table.name not in found and any(key.column.table.name in found for key in table.foreign_keys)
        }
        if not more:
            return found
        found |= more


def speaking_of_people(tables: MetaData) -> set[str]:
    """The tables with a column that sounds like a person."""
    return {
        table.name
        for table in tables.tables.values()
        if any(word in column.name for column in table.columns for word in TELLING)
    }


def read_columns(file: str) -> set[str]:
    """The columns of tables, as `table.column`, that the lines of a file are made of."""
    found = set()
    for walk in WALKS[file]:
        for selected in walk.query.selected_columns:
            for part in visitors.iterate(selected):
                if isinstance(part, Column) and isinstance(part.table, Table):
                    found.add(f"{part.table.name}.{part.name}")
    return found


def complaints(tables: MetaData, declared: Mapping[str, Held] = PERSONAL_DATA) -> list[str]:
    """What the list of tables forgets, or says and is not so."""
    found = [f"{name} is not listed" for name in tables.tables if name not in declared]
    found += [f"{name} does not exist" for name in declared if name not in tables.tables]
    personal = leading_to_people(tables) | speaking_of_people(tables)
    for name in sorted(tables.tables.keys() & declared.keys()):
        held = declared[name]
        if name in personal and not held.is_personal:
            found.append(f"{name} leads to people, and is listed as nobody's")
        if (held.file is None) != bool(held.left_out):
            found.append(f"{name} has to be in a file, or say why not")
        if held.file is not None:
            found += _complaints_about_columns(tables.tables[name], held, held.file)
    return found


def _complaints_about_columns(table: Table, held: Held, file: str) -> list[str]:
    if file not in WALKS:
        return [f"{table.name} is to be in a file that there is not: {file}"]
    columns = {column.name for column in table.columns}
    read = {name.partition(".")[2] for name in read_columns(file) if name.partition(".")[0] == table.name}
    return [
        *(
            f"{table.name}.{name} is neither in {file} nor withheld"
            for name in sorted(columns - read - {*held.withheld})
        ),
        *(f"{table.name}.{name} is withheld, and in {file}" for name in sorted(read & {*held.withheld})),
        *(f"{table.name}.{name} is withheld and does not exist" for name in sorted({*held.withheld} - columns)),
    ]


def with_another(*columns: Column) -> MetaData:  # type: ignore[type-arg]  # of any type
    """All tables, and one more that nobody has decided about."""
    copy = MetaData()
    for table in metadata.tables.values():
        table.to_metadata(copy)
    Table("reading_habits", copy, *columns)
    return copy


class TestTables:
    def test_every_table_and_every_column_is_exported_or_argued(self) -> None:
        assert complaints(metadata) == []

    def test_there_is_something_to_look_at(self) -> None:
        assert {"users", "refresh_tokens", "todos", "tags", "export_chunks"} <= leading_to_people(metadata)
        assert {"audit_log", "messages", "code_sendings"} <= speaking_of_people(metadata)
        assert cache_touches.name in PERSONAL_DATA
        assert read_columns("todos") >= {"todos.title", "todos.created_by"}

    def test_every_file_is_of_a_table_and_has_lines(self) -> None:
        related = {"left_behind_projects", "left_behind_todos"}  # Of the tables of projects and todos.
        files = {file.name for file in FILES}
        assert files == set(WALKS) == {held.file for held in PERSONAL_DATA.values() if held.file} | related


class TestForgetting:
    """The rules themselves, on tables that break them."""

    def test_a_table_with_a_foreign_key_to_a_person_is_missed(self) -> None:
        tables = with_another(Column("id", UUID, primary_key=True), Column("who", UUID, ForeignKey("users.id")))
        assert complaints(tables) == ["reading_habits is not listed"]
        listed = {**PERSONAL_DATA, "reading_habits": Held(owner=NOBODY, left_out="Nobody's.")}
        assert complaints(tables, listed) == ["reading_habits leads to people, and is listed as nobody's"]

    def test_a_table_that_leads_to_a_person_over_another_is_missed(self) -> None:
        tables = with_another(Column("session", UUID, ForeignKey("sessions.id"), primary_key=True))
        listed = {**PERSONAL_DATA, "reading_habits": Held(owner=NOBODY, left_out="Nobody's.")}
        assert complaints(tables, listed) == ["reading_habits leads to people, and is listed as nobody's"]

    def test_a_table_that_only_sounds_like_a_person_is_missed(self) -> None:
        tables = with_another(Column("id", UUID, primary_key=True), Column("account_id", UUID))
        listed = {**PERSONAL_DATA, "reading_habits": Held(owner=NOBODY, left_out="Nobody's.")}
        assert complaints(tables, listed) == ["reading_habits leads to people, and is listed as nobody's"]

    def test_a_table_without_a_file_and_without_a_reason_is_missed(self) -> None:
        tables = with_another(Column("id", UUID, primary_key=True), Column("text", Text))
        listed = {**PERSONAL_DATA, "reading_habits": Held(owner="id")}
        assert complaints(tables, listed) == ["reading_habits has to be in a file, or say why not"]

    def test_a_new_column_is_missed(self) -> None:
        tables = MetaData()
        for table in metadata.tables.values():
            table.to_metadata(tables)
        tables.tables["users"].append_column(Column("birthday", Text))
        assert complaints(tables) == ["users.birthday is neither in account nor withheld"]

    def test_a_column_that_only_chooses_lines_does_not_count(self) -> None:
        assert "sessions.user_id" not in read_columns("sessions")
