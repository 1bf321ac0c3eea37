"""Finds the route of a request with a few dictionary look-ups instead of a walk over every pattern.

FastAPI's routers try each route's regular expression in turn, twice for included routers; with some hundred routes
that costs more than the query behind them. What is not found here (an unknown path, a mounted application) goes on to
FastAPI's own router, which answers as always.
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.authentication import payer_of
from app.api.charging import admitted, begin, overruled
from app.api.methods import answer_unrouted
from app.api.problems import HttpProblem, problem_response
from app.api.refusals import answer
from app.api.routing import EXPECTED_ERRORS, ApiRoute
from app.lifespan import services_of

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True)
class Endpoint:
    """One method of one path template, ready to run."""

    template: str
    methods: frozenset[str]
    names: tuple[tuple[int, str], ...]
    route: ApiRoute
    handle: Handler


class RouteTable:
    """Path templates by their shape: the number of segments, and which of them are parameters."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._by_key: dict[tuple[str | None, ...], list[Endpoint]] = {}
        self._masks: dict[int, list[tuple[int, ...]]] = {}
        for endpoint in endpoints(routes):
            segments = endpoint.template.split("/")
            mask = tuple(index for index, _ in endpoint.names)
            self._by_key.setdefault(_key(segments, mask), []).append(endpoint)
            masks = self._masks.setdefault(len(segments), [])
            if mask not in masks:
                masks.append(mask)
                masks.sort(key=len)  # literal segments win over parameters

    def on(self, path: str) -> Iterator[tuple[Endpoint, list[str]]]:
        """The endpoints of the most literal template that fits `path`, with the path's segments."""
        segments = path.split("/")
        for mask in self._masks.get(len(segments), ()):
            found = self._by_key.get(_key(segments, mask))
            if found and all(segments[index] for index in mask):  # A parameter is never empty.
                for endpoint in found:
                    yield endpoint, segments
                return

    def allowed(self, path: str) -> set[str]:
        """The methods that `path` offers, HEAD and OPTIONS included; empty if there is no such path."""
        methods = {method for endpoint, _ in self.on(path) for method in endpoint.methods}
        if "GET" in methods:
            methods.add("HEAD")
        return methods | {"OPTIONS"} if methods else methods


class Dispatcher:
    """Below every layer: charges the request, runs the matching route's handler and renders its errors.

    Routes for known callers wait for the charge together with the caller, the others here.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        """`app` takes what is not found among `routes`."""
        self._app = app
        self._table = RouteTable(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        table = self._table
        scope["route_table"] = table
        method = scope["method"]
        is_known = False
        for endpoint, segments in table.on(scope["path"]):
            is_known = True
            if method in endpoint.methods:
                scope["route_template"] = endpoint.template
                scope["path_params"] = {name: segments[index] for index, name in endpoint.names}
                request = Request(scope, receive)
                try:
                    if "charge" not in scope:
                        plan = services_of(scope).limits.plans[method, endpoint.template]
                        begin(scope, plan, None if plan.is_public else payer_of(scope))
                    if endpoint.route.is_public:
                        await admitted(scope)
                    response = await endpoint.handle(request)
                except EXPECTED_ERRORS as error:
                    response = await answer(request, await overruled(scope, error))
                await response(scope, receive, send)
                return
        try:
            begin(scope, services_of(scope).limits.stray, payer_of(scope))
            await admitted(scope)
        except HttpProblem as refusal:
            response = problem_response(scope, refusal)
            await response(scope, receive, send)
            return
        if is_known:
            # Not left to the framework: it would take /todos/stats for a todo where only todos offer the method.
            response = await answer_unrouted(Request(scope), HTTPException(405))
            await response(scope, receive, send)
            return
        if scope["path"].endswith("\n"):
            # The framework's patterns end in `$`, which also fits before a last line end.
            response = await answer_unrouted(Request(scope), HTTPException(404))
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)


def endpoints(routes: Iterable[BaseRoute]) -> Iterator[Endpoint]:
    """Every method of every JSON route, with its full template. FastAPI hides includes in a tree; this unfolds it."""
    for context in iter_route_contexts(list(routes)):
        route = context.original_route
        if not isinstance(route, ApiRoute) or context.path_format is None:
            continue
        segments = context.path_format.split("/")
        names = tuple((index, part[1:-1]) for index, part in enumerate(segments) if part.startswith("{"))
        yield Endpoint(context.path_format, frozenset(context.methods or ()), names, route, route.get_route_handler())


def _key(segments: list[str], mask: tuple[int, ...]) -> tuple[str | None, ...]:
    key: list[str | None] = [*segments]
    for index in mask:
        key[index] = None
    return tuple(key)
