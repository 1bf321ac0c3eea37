"""No table is forgotten by those who erase: each has a rule, and each that leads to people one that says so."""

import importlib
import pkgutil

from sqlalchemy import Column, ForeignKey, MetaData, Table

import app.domain
from app.database.schema import metadata, uuid
from tests.domain.erasure.rules import RULES, Fate

for module in pkgutil.walk_packages(app.domain.__path__, "app.domain."):
    if module.name.endswith("tables"):
        importlib.import_module(module.name)

# What leads to people without a foreign key.
NAMED = {"user_id", "actor_id", "subject_id", "created_by", "owner_id", "account_id", "email", "recipient"}


def leading_to_people(of: MetaData) -> set[str]:
    """Tables from which foreign keys lead to accounts, directly or over others, and those with a column that tells."""
    found = {"users"}
    while True:
        more = {
            table.name
            for table in of.tables.values()
            if {key.column.table.name for key in table.foreign_keys} & found or NAMED & set(table.columns.keys())
        }
        if more <= found:
            return found
        found |= more


def test_every_table_has_a_rule() -> None:
    assert RULES.keys() == metadata.tables.keys()


def test_what_leads_to_people_is_not_said_to_be_nobodys() -> None:
    assert {name for name in leading_to_people(metadata) if RULES[name].fate is Fate.NOBODYS} == set()


def test_every_rule_has_a_reason() -> None:
    assert all(rule.reason.endswith(".") for rule in RULES.values())


def test_a_table_that_nobody_thought_of_would_be_missed() -> None:
    other = MetaData()
    Table("users", other, Column("id", uuid, primary_key=True))
    Table("photos", other, Column("id", uuid, primary_key=True), Column("of", uuid, ForeignKey("users.id")))
    Table("thumbnails", other, Column("photo_id", uuid, ForeignKey("photos.id"), primary_key=True))
    Table("letters", other, Column("id", uuid, primary_key=True), Column("recipient", uuid))
    Table("weather", other, Column("id", uuid, primary_key=True))
    assert leading_to_people(other) - RULES.keys() == {"photos", "thumbnails", "letters"}
