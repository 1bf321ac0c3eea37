"""Tests of version 1's notices."""

from datetime import UTC, datetime

import pytest
import time_machine
from starlette.responses import PlainTextResponse

from app.middleware.deprecation import Deprecation

POLICY = '<https://todo.test/docs/migrate-v1-v2>; rel="deprecation"; type="text/html"'


def layer(app=None) -> Deprecation:
    return Deprecation(
        app or PlainTextResponse("", headers={"Link": '<https://todo.test/?page=2>; rel="next"'}),
        deprecated_at=datetime(2026, 11, 1, tzinfo=UTC),
        sunset_at=datetime(2027, 11, 1, 12, 30, tzinfo=UTC),
        policy_url="https://todo.test/docs/migrate-v1-v2",
    )


def successor(answer) -> str:
    return str(answer.headers.get_list("link")[-1])


class TestVersion1:
    async def test_says_since_when_until_when_and_what_next(self, browse):
        async with browse(layer()) as client:
            answer = await client.get("/api/v1/todos/17?page=2")
        assert answer.headers["deprecation"] == "@1793491200"
        assert answer.headers["sunset"] == "Mon, 01 Nov 2027 12:30:00 GMT"
        assert POLICY in answer.headers.get_list("link")
        assert successor(answer) == '</api/v2/todos/17>; rel="successor-version"'

    async def test_the_links_of_the_route_stay(self, browse):
        async with browse(layer()) as client:
            answer = await client.get("/api/v1/todos")
        assert '<https://todo.test/?page=2>; rel="next"' in answer.headers.get_list("link")

    async def test_its_root_has_a_successor_too(self, browse):
        async with browse(layer()) as client:
            assert successor(await client.get("/api/v1")) == '</api/v2>; rel="successor-version"'

    @pytest.mark.parametrize(
        ("path", "moved"), [("/users/me", "/api/v2/me"), ("/todos/bulk-process", "/api/v2/todos/batch")]
    )
    async def test_what_moved_has_its_new_place_as_successor(self, browse, path: str, moved: str):
        async with browse(layer()) as client:
            assert successor(await client.get("/api/v1" + path)) == f'<{moved}>; rel="successor-version"'

    async def test_refusals_say_it_as_well(self, browse):
        async with browse(layer(PlainTextResponse("", 404))) as client:
            assert "deprecation" in (await client.get("/api/v1/nowhere")).headers

    @pytest.mark.parametrize(
        ("path", "encoded"),
        [
            ('/a>;b="c"', "/a%3E;b=%22c%22"),
            ("/a\r\nSet-Cookie: x=1", "/a%0D%0ASet-Cookie:%20x=1"),
            ("/ä/😀", "/%C3%A4/%F0%9F%98%80"),
            ("/\ud800\x00", "/%3F%00"),
        ],
    )
    async def test_no_path_can_break_out_of_the_link(self, exchange, path: str, encoded: str):
        answer = await exchange(layer(), "/api/v1" + path)
        value = answer.messages[0]["headers"][-1][1].decode("ascii")
        assert value == f'</api/v2{encoded}>; rel="successor-version"'


class TestAfterSunset:
    async def test_it_is_gone_and_names_its_successor(self, browse):
        with time_machine.travel(datetime(2027, 11, 1, 12, 30, tzinfo=UTC)):
            async with browse(layer()) as client:
                answer = await client.get("/api/v1/todos/17")
                document = await client.get("/api/v1/openapi.json")
                other = await client.get("/api/v2/todos/17")
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "GONE")
        assert successor(answer) == '</api/v2/todos/17>; rel="successor-version"'
        assert "sunset" in answer.headers
        assert (document.status_code, other.status_code) == (200, 200)

    async def test_a_second_before_it_works(self, browse):
        with time_machine.travel(datetime(2027, 11, 1, 12, 29, 59, tzinfo=UTC), tick=False):
            async with browse(layer()) as client:
                assert (await client.get("/api/v1/todos")).status_code == 200


class TestEverythingElse:
    @pytest.mark.parametrize("path", ["/", "/api/v2/todos", "/api/v10", "/api/v1x/todos", "/health", "/x/api/v1"])
    async def test_has_no_notice(self, browse, path: str):
        async with browse(layer(PlainTextResponse(""))) as client:
            headers = (await client.get(path)).headers
        assert not {"deprecation", "sunset", "link"} & set(headers)

    async def test_other_protocols_pass(self, passes_through):
        assert await passes_through(layer)
