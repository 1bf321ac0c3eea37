"""Tests of HEAD."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.middleware.head import Head


async def only_get(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers GET, and nothing but GET."""
    answer = PlainTextResponse("hello") if scope["method"] == "GET" else PlainTextResponse("no", 405)
    scope["route_template"] = "/hello"
    await answer(scope, receive, send)


class TestHead:
    async def test_is_answered_as_get_without_the_body(self, exchange):
        got = await exchange(Head(only_get))
        headed = await exchange(Head(only_get), method="HEAD")
        assert (headed.status, headed.headers) == (200, got.headers)
        assert headed.headers["content-length"] == "5"
        assert headed.messages[1:] == [{"type": "http.response.body", "body": b"", "more_body": False}]

    async def test_layers_above_see_the_method_the_route_and_the_server_a_head(self, exchange):
        methods = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            async def recording(message: object) -> None:
                methods.append(scope["method"])

            await Head(only_get)(scope, receive, recording)

        answer = await exchange(app, method="HEAD")
        assert methods == ["HEAD", "HEAD"]
        assert (answer.scope["method"], answer.scope["route_template"]) == ("HEAD", "/hello")

    async def test_a_stream_is_complete_at_once(self, exchange):
        answer = await exchange(Head(StreamingResponse(iter([b"a", b"b"]))), method="HEAD", receive=_gone)
        assert answer.messages[1:] == [{"type": "http.response.body", "body": b"", "more_body": False}]

    async def test_an_error_on_the_way_leaves_the_method_as_it_was(self, exchange):
        seen = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope)
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            await exchange(Head(app), method="HEAD")
        assert seen[0]["method"] == "HEAD"

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    async def test_other_methods_are_left_alone(self, browse, method: str):
        async def echo(request: Request) -> Response:
            return PlainTextResponse(request.method)

        app = Starlette(routes=[Route("/", echo, methods=[method])])
        async with browse(Head(app)) as client:
            assert (await client.request(method, "/")).text == method

    async def test_where_there_is_no_get_there_is_no_head(self, browse):
        app = Starlette(routes=[Route("/", only_get_endpoint, methods=["POST"])])
        async with browse(Head(app)) as client:
            assert (await client.head("/")).status_code == 405

    async def test_other_protocols_pass(self, passes_through):
        assert await passes_through(Head)


async def only_get_endpoint(request: Request) -> Response:
    return PlainTextResponse("")


async def _gone() -> dict[str, str]:
    return {"type": "http.disconnect"}
