"""Blocks over HTTP: for administrators, in force at once, listed with what led to them."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.database.executor import Database
from app.domain.blocks import commands
from app.settings import Settings
from tests.abuse.attacked import client_of, serving
from tests.addresses import unused_address
from tests.api.conftest import NewPerson, Person
from tests.conftest import Running
from tests.factories import bearer, make_user, open_session

BLOCKS = "/api/v2/admin/blocks"


@pytest.fixture
def address() -> str:
    """Somebody who is not blocked yet."""
    return unused_address()


@pytest.fixture
async def admin(new_person: NewPerson) -> Person:
    return await new_person(name="Olga", roles=("admin",))


@pytest.fixture
async def stranger(service: Running, address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service.app, address) as http:
        yield http


class TestCreate:
    async def test_an_address_is_kept_out_at_once(self, admin: Person, stranger: httpx.AsyncClient, address: str):
        assert (await stranger.get("/")).status_code == 200
        made = await admin.http.post(BLOCKS, json={"address": address, "minutes": 30, "note": "Scrapes."})
        assert made.status_code == 201
        block = made.json()
        assert made.headers["location"] == block["links"]["self"] == f"{BLOCKS}/{block['id']}"
        assert (block["address"], block["note"], block["strike"]) == (address, "Scrapes.", 0)
        assert block["created_by"] == str(admin.user.id)
        refused = await stranger.get("/")
        assert (refused.status_code, refused.json()["code"]) == (429, "ADDRESS_BLOCKED")
        assert 1790 <= int(refused.headers["retry-after"]) <= 1800

    @pytest.mark.parametrize(
        ("given", "key"),
        [("::ffff:198.51.100.99", "198.51.100.99"), ("2001:DB8:0:99::1", "2001:db8:0:99::/64")],
    )
    async def test_an_address_has_one_spelling(self, admin: Person, database: Database, given: str, key: str):
        made = await admin.create(BLOCKS, address=given)
        assert made["address"] == key
        assert len(await commands.lift_client(database, key)) == 1

    @pytest.mark.parametrize("given", ["example.com", "198.51.100.0/24", "999.1.1.1", "''", "unknown"])
    async def test_what_is_no_address_is_refused(self, admin: Person, given: str):
        refused = await admin.http.post(BLOCKS, json={"address": given})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "#/address"

    async def test_twice_is_a_conflict(self, admin: Person, address: str):
        await admin.create(BLOCKS, address=address)
        refused = await admin.http.post(BLOCKS, json={"address": address})
        assert (refused.status_code, refused.json()["code"]) == (409, "ALREADY_BLOCKED")

    async def test_nobody_locks_themselves_out(self, admin: Person):
        refused = await admin.http.post(BLOCKS, json={"address": "127.0.0.1"})
        assert (refused.status_code, refused.json()["code"]) == (409, "OWN_ADDRESS")

    async def test_whoever_is_exempt_cannot_be_blocked(self, admin: Person):
        refused = await admin.http.post(BLOCKS, json={"address": "127.0.0.2"})
        assert (refused.status_code, refused.json()["code"]) == (409, "EXEMPT_ADDRESS")

    async def test_where_nobody_is_blocked_it_says_so(self, settings: Settings, database: Database, address: str):
        async with (
            serving(settings, ENABLE_ENHANCED_SECURITY="false") as service,
            client_of(service.app, "127.0.0.1") as http,
        ):
            user = await make_user(database, roles=("admin",))
            headers = bearer(await open_session(database, service.services.authority, user))
            refused = await http.post(BLOCKS, json={"address": address}, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (409, "PROTECTION_DISABLED")


class TestLift:
    async def test_the_address_may_come_in_at_once(self, admin: Person, stranger: httpx.AsyncClient, address: str):
        block = await admin.create(BLOCKS, address=address)
        assert (await stranger.get("/")).status_code == 429
        assert (await admin.http.delete(block["links"]["self"])).status_code == 204
        assert (await stranger.get("/")).status_code == 200
        lifted = (await admin.http.get(block["links"]["self"])).json()
        assert (lifted["is_active"], lifted["lifted_by"]) == (False, str(admin.user.id))

    async def test_twice_is_a_404(self, admin: Person, address: str):
        block = await admin.create(BLOCKS, address=address)
        await admin.http.delete(block["links"]["self"])
        assert (await admin.http.delete(block["links"]["self"])).status_code == 404


class TestList:
    async def test_it_shows_what_led_to_a_block(self, admin: Person, database: Database, address: str):
        await commands.block_offender(database, address, signals=["failed_login", "trap"], score=5.25)
        page = (await admin.http.get(BLOCKS, params={"address": address})).json()
        [block] = page["items"]
        assert (block["signals"], block["score"], block["strike"]) == (["failed_login", "trap"], 5.25, 1)
        assert block["created_by"] is None

    async def test_pages_follow_each_other_newest_first(self, admin: Person, database: Database, address: str):
        for _ in range(3):
            await commands.block_offender(database, address, signals=["trap"], score=5.0)
            await commands.lift_client(database, address)
        found, params = [], {"address": address, "limit": "2"}
        first = (await admin.http.get(BLOCKS, params=params)).json()
        second = (await admin.http.get(BLOCKS, params={**params, "cursor": first["page"]["next_cursor"]})).json()
        found = [block["since"] for block in (*first["items"], *second["items"])]
        assert len(found) == 3
        assert found == sorted(found, reverse=True)
        assert second["page"]["next_cursor"] is None
        back = await admin.http.get(BLOCKS, params={**params, "cursor": second["page"]["prev_cursor"]})
        assert back.json()["items"] == first["items"]

    async def test_those_in_force_alone(self, admin: Person, database: Database, address: str):
        await admin.create(BLOCKS, address=address)
        params = {"address": address, "is_active": "true"}
        assert len((await admin.http.get(BLOCKS, params=params)).json()["items"]) == 1
        await commands.lift_client(database, address)
        assert (await admin.http.get(BLOCKS, params=params)).json()["items"] == []

    async def test_the_total_comes_on_request(self, admin: Person, database: Database, address: str):
        await admin.create(BLOCKS, address=address)
        headers = {"Prefer": "return=total-count"}
        page = (await admin.http.get(BLOCKS, params={"address": address}, headers=headers)).json()
        assert page["page"]["total"] == 1

    async def test_an_address_that_is_none_is_refused(self, admin: Person):
        refused = await admin.http.get(BLOCKS, params={"address": "example.com"})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["parameter"] == "address"


class TestOthers:
    async def test_they_see_nothing_and_change_nothing(self, ann: Person, admin: Person, address: str):
        block = await admin.create(BLOCKS, address=address)
        assert (await ann.http.get(BLOCKS)).status_code == 403
        assert (await ann.http.post(BLOCKS, json={"address": address})).status_code == 403
        # Not even who is exempt.
        assert (await ann.http.post(BLOCKS, json={"address": "127.0.0.2"})).status_code == 403
        assert (await ann.http.get(block["links"]["self"])).status_code == 404
        assert (await ann.http.delete(block["links"]["self"])).status_code == 404


class TestStats:
    async def test_what_was_seen_and_done_is_counted(self, admin: Person, stranger: httpx.AsyncClient, address: str):
        async def counted() -> tuple[int, int]:
            threat = (await admin.http.get("/api/middleware/stats")).json()["threat"]
            return threat["signals"].get("unknown_path", 0), threat["refused"]

        paths, refused = await counted()
        await stranger.get("/nowhere")
        await admin.create(BLOCKS, address=address)
        await stranger.get("/")
        assert await counted() == (paths + 1, refused + 1)
