"""Tests of the application itself: whose layers a request passes, and what becomes of routes that are not ours."""

from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from app.api.application import Application
from app.api.dispatch import Dispatcher
from app.api.limit_plans import plans_of
from app.api.methods import answer_unrouted
from app.api.routing import PublicRoute
from app.main import create_app
from app.middleware.outgoing import Outgoing
from app.rate_limits.declarations import DeclaredLimits
from app.rate_limits.limits import RateLimits
from app.setting_groups import RateLimitSettings
from app.settings import load_settings


class Noting:
    """A layer that notes what it sees, and leaves what routes rely on."""

    def __init__(self, app, *, name: str, seen: list[object]) -> None:
        self._app, self._name, self._seen = app, name, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._seen.append(self._name)
        scope["headers_by_name"] = dict(scope["headers"])
        scope["state"] = {"services": scope["app"].state.services, "client_key": "203.0.113.9"}
        scope["outgoing"] = Outgoing(send)

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 500:
                self._seen.append("answered")
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            self._seen.append(type(error))
            raise


@pytest.fixture
def seen() -> list[object]:
    return []


@pytest.fixture
def application(seen: list[object]) -> Application:
    """One route of ours, one of FastAPI's own and a mounted application, in two layers."""
    layers = [Middleware(Noting, name=name, seen=seen) for name in ("outer", "inner")]
    app = Application(layers=layers, openapi_url=None)
    app.add_exception_handler(HTTPException, answer_unrouted)
    router = APIRouter(route_class=PublicRoute)

    @router.get("/ours")
    async def get_ours(request: Request) -> Response:
        return PlainTextResponse("ours" if request.app is app else "whose?")

    @app.get("/theirs")
    async def get_theirs() -> dict[str, str]:
        return {"of": "FastAPI"}

    @app.get("/bug")
    async def get_bug() -> None:
        raise ZeroDivisionError

    async def hello(_request: Request) -> Response:
        return PlainTextResponse("mounted")

    app.include_router(router)
    app.mount("/mounted", Starlette(routes=[Route("/hello", hello)]))
    limits = RateLimits(RateLimitSettings(), declarations=DeclaredLimits())
    limits.plans = plans_of(app.routes, limits)
    app.state.services = SimpleNamespace(limits=limits, gate=None)
    return app


@pytest.fixture
def client(application: Application) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://todo.test")


class TestLayers:
    async def test_a_request_passes_them_from_the_outermost_in(self, client: httpx.AsyncClient, seen: list[object]):
        assert (await client.get("/ours")).text == "ours"
        assert seen == ["outer", "inner"]

    async def test_the_second_request_takes_the_same_way(self, client: httpx.AsyncClient, seen: list[object]):
        await client.get("/ours")
        assert (await client.get("/ours")).text == "ours"
        assert seen == ["outer", "inner"] * 2

    async def test_a_bug_reaches_them_and_is_answered_by_nobody_below(
        self, client: httpx.AsyncClient, seen: list[object]
    ):
        with pytest.raises(ZeroDivisionError):
            await client.get("/bug")
        assert seen == ["outer", "inner", ZeroDivisionError, ZeroDivisionError]


class TestWhatTheDispatcherDoesNotFind:
    async def test_a_route_of_fastapi_itself_works(self, client: httpx.AsyncClient):
        assert (await client.get("/theirs")).json() == {"of": "FastAPI"}

    async def test_a_mounted_application_works(self, client: httpx.AsyncClient):
        assert (await client.get("/mounted/hello")).text == "mounted"

    async def test_an_unknown_path_is_a_problem(self, client: httpx.AsyncClient):
        answer = await client.get("/nothing")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


class TestService:
    def test_it_is_put_together_without_the_frameworks_own_layers(self):
        app = create_app(load_settings(ENVIRONMENT="test"))
        layer: Any = app.build_middleware_stack()
        modules = []
        while not isinstance(layer, Dispatcher):
            modules.append(type(layer).__module__.partition(".")[0])
            layer = layer.app
        assert set(modules) == {"app"}
