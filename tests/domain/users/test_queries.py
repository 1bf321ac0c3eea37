"""Reading users, page by page."""

import dataclasses
from uuid import uuid4

import pytest

from app.database.executor import Database
from app.domain.errors import NotAllowed, NotFound
from app.domain.pages import PageRequest
from app.domain.users import queries
from app.domain.users.caller import ADMINISTRATOR, Caller
from app.domain.users.repository import UserFilter
from app.domain.users.user import User
from tests.factories import make_user
from tests.team_factories import make_caller


@pytest.fixture
async def administrator(database: Database) -> Caller:
    return dataclasses.replace(await make_caller(database), roles=frozenset({ADMINISTRATOR}))


@pytest.fixture
async def family(database: Database) -> list[User]:
    """Five users whose names begin alike, as nobody else's do, newest first."""
    begin = uuid4().hex
    return [await make_user(database, name=f"{begin} {number}") for number in range(5)][::-1]


def named_like(family: list[User]) -> UserFilter:
    return UserFilter(q=family[0].name[:32])


class TestGet:
    async def test_an_administrator_sees_everybody(self, database: Database, administrator: Caller) -> None:
        user = await make_user(database)
        assert await queries.get(database.reader, administrator, user.id) == user

    async def test_everybody_sees_themselves(self, database: Database) -> None:
        caller = await make_caller(database)
        assert (await queries.get(database.reader, caller, caller.user_id)).id == caller.user_id

    async def test_others_do_not_exist(self, database: Database) -> None:
        caller, other = await make_caller(database), await make_user(database)
        with pytest.raises(NotFound):
            await queries.get(database.reader, caller, other.id)


class TestPage:
    async def test_walking_on_and_back_shows_each_user_once(
        self, database: Database, administrator: Caller, family: list[User]
    ) -> None:
        filters = named_like(family)
        first = await queries.page(database.reader, administrator, PageRequest(2), filters=filters)
        second = await queries.page(database.reader, administrator, PageRequest(2, first.next), filters=filters)
        third = await queries.page(database.reader, administrator, PageRequest(2, second.next), filters=filters)
        assert [*first.items, *second.items, *third.items] == family
        assert (first.previous, third.next) == (None, None)
        back = await queries.page(database.reader, administrator, PageRequest(2, third.previous), filters=filters)
        assert back.items == second.items

    async def test_a_page_is_one_statement_and_the_total_one_more(
        self, database: Database, administrator: Caller, family: list[User]
    ) -> None:
        with database.observed() as statements:
            await queries.page(database.reader, administrator, PageRequest(2), filters=named_like(family))
        assert statements == ["users.page"]
        with database.observed() as statements:
            page = await queries.page(
                database.reader, administrator, PageRequest(2), filters=named_like(family), with_total=True
            )
        assert statements == ["users.page", "users.count"]
        assert page.total == 5

    async def test_only_administrators_see_the_list(self, database: Database) -> None:
        with pytest.raises(NotAllowed):
            await queries.page(database.reader, await make_caller(database), PageRequest(2), filters=UserFilter())

    @pytest.mark.parametrize("is_active", [True, False])
    async def test_activity_is_a_filter(
        self, database: Database, administrator: Caller, family: list[User], *, is_active: bool
    ) -> None:
        filters = UserFilter(is_active=is_active, q=family[0].name[:32])
        page = await queries.page(database.reader, administrator, PageRequest(10), filters=filters)
        assert page.items == (family if is_active else [])


class TestSearch:
    async def found(self, database: Database, administrator: Caller, q: str) -> list[User]:
        page = await queries.page(database.reader, administrator, PageRequest(10), filters=UserFilter(q=q))
        return page.items

    async def test_the_beginning_of_a_name_or_an_address_finds(self, database: Database, administrator: Caller) -> None:
        begin = uuid4().hex
        by_name = await make_user(database, name=f"{begin} Example")
        by_email = await make_user(database, email=f"{begin}@example.com")
        assert await self.found(database, administrator, begin) == [by_email, by_name]

    async def test_the_middle_of_a_name_does_not(self, database: Database, administrator: Caller) -> None:
        middle = uuid4().hex
        await make_user(database, name=f"Ann {middle}")
        assert await self.found(database, administrator, middle) == []

    async def test_case_and_normal_form_do_not_matter(self, database: Database, administrator: Caller) -> None:
        token = uuid4().hex
        user = await make_user(database, name=f"ZO\u00cb Strasse {token}")
        assert user in await self.found(database, administrator, f"zoe\u0308 stra\u00dfe {token[:5]}")

    @pytest.mark.parametrize("wildcard", ["%", "_", "\\", "%%", "[a-z]"])
    async def test_wildcards_are_letters_like_others(
        self, database: Database, administrator: Caller, wildcard: str
    ) -> None:
        begin = uuid4().hex
        await make_user(database, name=f"{begin}x Example")
        literal = await make_user(database, name=f"{begin}{wildcard} Example")
        assert await self.found(database, administrator, begin + wildcard) == [literal]


class TestNumbered:
    async def test_pages_have_numbers_and_a_total(
        self, database: Database, administrator: Caller, family: list[User]
    ) -> None:
        page = await queries.numbered(database.reader, administrator, number=2, size=2, filters=named_like(family))
        assert (page.items, page.number, page.size, page.total) == (family[2:4], 2, 2, 5)

    async def test_only_administrators_see_them(self, database: Database) -> None:
        with pytest.raises(NotAllowed):
            await queries.numbered(database.reader, await make_caller(database), number=1, size=2)
