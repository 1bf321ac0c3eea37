"""Pages of the lists of todos in version 2: walks in every order, cursors, totals, validators."""

import random

import pytest

from tests.api.conftest import Person
from tests.api.v2.todos_made import TODOS, every_page, fill

SORTS = ["created_at", "updated_at", "due_date", "priority"]


class TestPages:
    @pytest.mark.parametrize("sort", [*SORTS, *(f"-{sort}" for sort in SORTS)])
    async def test_a_walk_shows_each_todo_once_and_the_way_back_the_same(self, ann: Person, sort: str) -> None:
        made = await fill(ann, 17)
        forward = await every_page(ann, f"{TODOS}?limit=5&sort={sort}")
        assert [len(page) for page in forward] == [5, 5, 5, 2]
        flat = [todo["id"] for page in forward for todo in page]
        assert sorted(flat) == sorted(todo["id"] for todo in made)

        last = (await ann.http.get(f"{TODOS}?limit=5&sort={sort}")).json()
        while last["page"]["next_cursor"]:
            last = (await ann.http.get(f"{TODOS}?limit=5&sort={sort}&cursor={last['page']['next_cursor']}")).json()
        backward = [todo["id"] for todo in last["items"]]
        while last["page"]["prev_cursor"]:
            last = (await ann.http.get(f"{TODOS}?limit=5&sort={sort}&cursor={last['page']['prev_cursor']}")).json()
            assert last["page"]["has_more"]
            backward = [todo["id"] for todo in last["items"]] + backward
        assert backward == flat

    @pytest.mark.parametrize(("sort", "expected"), [("due_date", "ascending"), ("-due_date", "descending")])
    async def test_no_due_date_counts_as_the_end_of_time(self, ann: Person, sort: str, expected: str) -> None:
        await fill(ann, 7)
        dates = [todo["due_date"] or "9999" for todo in (await ann.http.get(f"{TODOS}?sort={sort}")).json()["items"]]
        assert dates == sorted(dates, reverse=expected == "descending")

    async def test_priority_sorts_by_weight_not_by_name(self, ann: Person) -> None:
        await fill(ann, 5)
        names = [todo["priority"] for todo in (await ann.http.get(f"{TODOS}?sort=-priority")).json()["items"]]
        assert names == ["urgent", "high", "medium", "low", "none"]

    async def test_what_others_do_meanwhile_neither_repeats_nor_skips(self, ann: Person) -> None:
        made = await fill(ann, 30)
        stable = {todo["id"] for todo in made[::2]}
        unstable = [todo["id"] for todo in made[1::2]]
        dice = random.Random(7)
        seen: list[str] = []
        cursor = ""
        while True:
            page = (await ann.http.get(f"{TODOS}?limit=4{cursor}")).json()
            seen += [todo["id"] for todo in page["items"]]
            if page["page"]["next_cursor"] is None:
                break
            cursor = f"&cursor={page['page']['next_cursor']}"
            await ann.create(TODOS, title="new")
            await ann.http.delete(f"{TODOS}/{unstable.pop(dice.randrange(len(unstable)))}")
        assert len(seen) == len(set(seen))
        assert stable <= set(seen)

    async def test_the_limit_may_change_between_pages(self, ann: Person) -> None:
        await fill(ann, 9)
        first = (await ann.http.get(f"{TODOS}?limit=2")).json()
        second = (await ann.http.get(f"{TODOS}?limit=7&cursor={first['page']['next_cursor']}")).json()
        assert len(second["items"]) == 7

    async def test_link_header_has_absolute_addresses_that_work(self, ann: Person) -> None:
        await fill(ann, 5)
        first = await ann.http.get(f"{TODOS}?limit=2&status=open,blocked")
        assert set(first.links) == {"first", "next"}
        second = await ann.http.get(first.links["next"]["url"])
        assert set(second.links) == {"first", "next", "prev"}
        assert second.links["next"]["url"].startswith("http://127.0.0.1:8000/api/v2/todos?")
        back = await ann.http.get(second.links["prev"]["url"])
        assert back.json()["items"] == first.json()["items"]

    @pytest.mark.parametrize(
        "change", ["sort=created_at", "status=done", "tag=x", "q=milk", "overdue=true", "due_before=2026-12-01"]
    )
    async def test_a_cursor_is_bound_to_its_sort_and_filters(self, ann: Person, change: str) -> None:
        await fill(ann, 3)
        cursor = (await ann.http.get(f"{TODOS}?limit=1")).json()["page"]["next_cursor"]
        response = await ann.http.get(f"{TODOS}?limit=1&cursor={cursor}&{change}")
        assert (response.status_code, response.json()["code"]) == (400, "CURSOR_MISMATCH")

    @pytest.mark.parametrize("cursor", ["abc", "A" * 900, "lQHE", "-_-_"])
    async def test_a_cursor_made_by_hand_is_refused(self, ann: Person, cursor: str) -> None:
        response = await ann.http.get(f"{TODOS}?cursor={cursor}")
        assert (response.status_code, response.json()["code"]) == (400, "CURSOR_MISMATCH")

    async def test_every_flipped_character_of_a_cursor_is_noticed(self, ann: Person) -> None:
        await fill(ann, 3)
        cursor: str = (await ann.http.get(f"{TODOS}?limit=1")).json()["page"]["next_cursor"]
        for index in range(0, len(cursor) - 1, 7):
            forged = cursor[:index] + ("A" if cursor[index] != "A" else "B") + cursor[index + 1 :]
            assert (await ann.http.get(f"{TODOS}?limit=1&cursor={forged}")).status_code == 400

    async def test_the_total_comes_only_on_request(self, ann: Person) -> None:
        await fill(ann, 3)
        without = await ann.http.get(f"{TODOS}?limit=1")
        with_total = await ann.http.get(f"{TODOS}?limit=1", headers={"Prefer": "return=total-count"})
        assert "total" not in without.json()["page"]
        assert with_total.json()["page"]["total"] == 3
        assert with_total.headers["preference-applied"] == "return=total-count"

    async def test_if_none_match_answers_304_until_something_changes(self, ann: Person) -> None:
        await fill(ann, 2)
        first = await ann.http.get(TODOS)
        assert first.headers["etag"].startswith('W/"')
        again = {"If-None-Match": first.headers["etag"]}
        assert (await ann.http.get(TODOS, headers=again)).status_code == 304
        await ann.create(TODOS, title="new")
        assert (await ann.http.get(TODOS, headers=again)).status_code == 200

    async def test_an_empty_list_is_one_empty_page(self, ann: Person) -> None:
        page = (await ann.http.get(f"{TODOS}?status=done")).json()
        assert page["items"] == []
        assert page["page"] == {"limit": 50, "next_cursor": None, "prev_cursor": None, "has_more": False}
