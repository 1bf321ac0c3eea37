"""Tests of the rows that a benchmark database is filled with. What they look like is a matter of the schema."""

from collections import Counter
from datetime import datetime
from random import Random
from uuid import UUID

import pytest

from bench.data import _TODO_COLUMNS, Population, _todos

PEOPLE = [(UUID(int=2 * number), UUID(int=2 * number + 1)) for number in range(12)]


def rows(population: Population) -> list[dict[str, object]]:
    return [dict(zip(_TODO_COLUMNS, row, strict=True)) for row in _todos(PEOPLE, population, Random(1))]


class TestTodos:
    def test_one_user_has_half_of_few_and_the_others_share_the_rest_evenly(self) -> None:
        teams = Counter(row["team_id"] for row in rows(Population(todos=1_000)))
        assert teams.pop(PEOPLE[0][1]) == 500
        assert set(teams.values()) == {50}
        assert PEOPLE[1][1] not in teams, "the user of the other application's password owns nothing"

    @pytest.mark.parametrize(("todos", "users"), [(100, 1), (1_000, 10), (10_000, 100), (1_000_000, 1_000)])
    def test_there_are_so_few_owners_that_each_has_a_page_of_todos(self, todos: int, users: int) -> None:
        population = Population(todos=todos)
        assert (population.users, population.users + population.bystanders) == (users, 1_000)
        assert (population.todos - population.deep_todos) // population.users >= 50

    def test_one_user_has_a_thousand_pages_of_many(self) -> None:
        assert Population(todos=50_000).deep_todos == 1_001 * 20

    def test_they_keep_the_rules_of_the_table(self) -> None:
        for row in rows(Population(todos=1_000)):
            assert 1 <= len(str(row["title"])) <= 200
            assert (row["status"] == "done") == (row["completed_at"] is not None)
            assert isinstance(row["id"], UUID)
            assert row["id"].version == 7

    def test_ids_are_different_and_in_the_order_of_creation(self) -> None:
        found = rows(Population(todos=1_000))
        ids = [str(row["id"]) for row in found]
        moments = [row["created_at"] for row in found]
        assert len(set(ids)) == len(ids)
        assert ids == sorted(ids)
        assert all(isinstance(moment, datetime) for moment in moments)

    def test_they_are_the_same_in_every_run(self) -> None:
        assert rows(Population(todos=100)) == rows(Population(todos=100))
