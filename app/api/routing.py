"""The route class of every JSON route: FastAPI's declarations and documentation, without its per-request solving.

FastAPI reads a handler's signature once and documents it; this class uses the same analysis to bind path, query,
header and body at each request. It differs on purpose: the caller is known before anything is read (default
deny), JSON is strict, unknown or repeated query parameters are refused, and handlers return a Response.
A dependency is a plain function of the request; dependencies of dependencies do not exist here.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError, with_config
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from typing_extensions import is_typeddict

from app.api import strict_json
from app.api.answering import respond
from app.api.authentication import authenticate
from app.api.charging import charge_items
from app.api.conditional import refuse_other_conditions
from app.api.kept import Kept
from app.api.needs import Need, need_of
from app.api.problems import HttpProblem
from app.api.responses import require_json
from app.database.errors import DatabaseUnavailable
from app.domain.errors import DomainError, FieldError, Invalid, Malformed

QUERIES_KEPT = 1024
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Model = TypeVar("Model", bound=BaseModel)

EXPECTED_ERRORS = (DomainError, DatabaseUnavailable, HttpProblem)
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class ApiRoute(APIRoute):
    """A route for known callers: without a valid token the answer is 401, whatever else is wrong.

    Without the permission that `need` names it is 403. Raises TypeError, at start, if nothing says what it needs.
    """

    is_public = False
    is_json = True

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        answers = [options.get("response_model"), *(each.get("model") for each in options["responses"].values())]
        for answer in answers:
            if is_typeddict(answer):
                with_config(defer_build=True)(answer)  # Only documents need its schema: 6 MB and a tenth of a start.
        super().__init__(path, endpoint, **options)

    @property
    def need(self) -> Need:
        """What callers must be allowed to do. Not for public routes."""
        return need_of(self.endpoint, [str(tag) for tag in self.tags], self.methods or ())

    def proves_itself(self, _request: Request) -> bool:
        """True for requests that show their handler another proof than an access token."""
        return False

    def get_route_handler(self) -> Handler:
        """The handler that both the dispatcher and FastAPI's own router run."""
        binder = _Binder(self.dependant, self.methods or set())
        endpoint: Callable[..., Awaitable[Response]] = self.endpoint
        is_json = self.is_json
        is_write = not (self.methods or set()) <= _READS
        need = None if self.is_public else self.need
        kept: Kept | None = getattr(self.endpoint, "kept", None)
        count_items: Callable[[Any], int] | None = getattr(self.endpoint, "count_items", None)

        async def run(request: Request) -> Response:
            if is_json:
                require_json(request.scope)
            if is_write:
                refuse_other_conditions(request.scope, takes_if_match=binder.takes_if_match)
            arguments = await binder.arguments(request)
            if count_items is not None:
                await charge_items(request.scope, count_items(arguments["body"]))
            return await endpoint(**arguments)

        async def handle(request: Request) -> Response:
            if not (need is None or self.proves_itself(request)):
                await authenticate(request, need)
            return await run(request)

        if kept is None or need is None:
            return handle

        async def handle_kept(request: Request) -> Response:
            return await respond(request, kept, need, run)

        return handle_kept


class PublicRoute(ApiRoute):
    """A route that anybody may call; the test of default deny lists them all by name."""

    is_public = True


class PageRoute(PublicRoute):
    """A page for people, or what belongs to one. Sent whatever `Accept` says, as browsers expect."""

    is_json = False


class _Binder:
    """Fills a handler's arguments from one request."""

    def __init__(self, dependant: Dependant, methods: set[str]) -> None:
        self._path = [(field.name, field.alias, field) for field in dependant.path_params]
        self._headers = [(field.name, field.alias) for field in dependant.header_params]
        self.takes_if_match = any(alias.lower() == "if-match" for _, alias in self._headers)
        self._request_name = dependant.request_param_name
        self._dependencies = [_plain_dependency(dependency) for dependency in dependant.dependencies]
        self._query = _only_model(dependant.query_params, "query")
        # Most requests have no query string; handlers do not change what they are given.
        self._no_query = None if self._query is None else self._query[1].model_validate({})
        self._body = _only_model(dependant.body_params, "body")
        self._accepted = (MERGE_PATCH, JSON) if "PATCH" in methods else (JSON,)

    async def arguments(self, request: Request) -> dict[str, Any]:
        """The handler's keyword arguments. Raises Invalid, Malformed or HttpProblem; the body is read last."""
        scope = request.scope
        arguments: dict[str, Any] = {}
        for name, alias, field in self._path:
            arguments[name], errors = field.validate(scope["path_params"][alias], {}, loc=("path", alias))
            if errors:
                raise Invalid(fields=(FieldError("INVALID_PATH", f"{alias}: {errors[0]['msg']}.", parameter=alias),))
        if self._query is not None:
            name, model = self._query
            query_string = scope["query_string"]
            arguments[name] = parse_query(model, query_string) if query_string else self._no_query
        elif scope["query_string"]:
            parse_query(_NoQuery, scope["query_string"])
        if self._headers:
            given = scope["headers_by_name"]
            for name, alias in self._headers:
                arguments[name] = ", ".join(request.headers.getlist(alias)) if alias.encode() in given else None
        if self._request_name is not None:
            arguments[self._request_name] = request
        for name, call in self._dependencies:
            arguments[name] = call(request)
        if self._body is not None:
            name, model = self._body
            arguments[name] = await self._read_body(request, model)
        return arguments

    async def _read_body(self, request: Request, model: type[BaseModel]) -> BaseModel:
        given: bytes = request.scope["headers_by_name"].get(b"content-type", b"")
        media_type = given.decode("latin-1").partition(";")[0].strip().lower()
        if media_type not in self._accepted:
            header = "Accept-Patch" if MERGE_PATCH in self._accepted else "Accept-Post"
            accepted = ", ".join(self._accepted)
            raise HttpProblem(
                415, "UNSUPPORTED_MEDIA_TYPE", f"Send the body as {accepted}.", headers={header: accepted}
            )
        return parse_body(model, await _whole_body(request))


async def _whole_body(request: Request) -> bytes:
    """Every byte of the body. Raises ClientDisconnect if it ends early.

    Request.body() reads it through a generator: 2.2 µs against 0.6 (Python 3.11, November 2026).
    """
    pieces: list[bytes] = []
    is_more = True
    while is_more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        is_more = message.get("more_body", False)
    return b"".join(pieces)


class _NoQuery(BaseModel, extra="forbid"):
    """The query of a route that takes none."""


@lru_cache(maxsize=QUERIES_KEPT)
def parse_query(model: type[Model], query_string: bytes) -> Model:
    """The query as `model`. Raises Invalid for unknown, repeated or unusable parameters.

    The same query is read once: clients ask for the same pages again and again, and handlers change nothing.
    """
    values: dict[str, str] = {}
    if query_string:
        try:
            pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict")
        except ValueError as error:
            raise Malformed("The query string is not percent-encoded UTF-8.", code="MALFORMED_QUERY") from error
        for name, value in pairs:
            if name in values:
                raise Invalid(fields=(FieldError("REPEATED", f"{name} is given more than once.", parameter=name),))
            if "\x00" in value:
                raise Invalid(fields=(FieldError("NUL", f"{name} contains NUL; remove it.", parameter=name),))
            values[name] = value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        fields = tuple(
            FieldError(
                _code(detail), _sentence(detail, model), parameter=str(detail["loc"][0]) if detail["loc"] else None
            )
            for detail in error.errors(include_input=False, include_url=False)
        )
        raise Invalid(fields=fields) from error


def parse_body(model: type[Model], body: bytes) -> Model:
    """The body as `model`: strict JSON of exact types. Raises Malformed, or Invalid with a pointer for each fault."""
    document = strict_json.decode(body)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        fields = tuple(
            FieldError(_code(detail), _sentence(detail, model), pointer=_pointer(detail["loc"], document))
            for detail in error.errors(include_input=False, include_url=False)
        )
        raise Invalid(fields=fields) from error


def _plain_dependency(dependency: Dependant) -> tuple[str, Callable[[Request], Any]]:
    parameters = (
        dependency.path_params,
        dependency.query_params,
        dependency.header_params,
        dependency.cookie_params,
        dependency.body_params,
        dependency.dependencies,
    )
    if dependency.call is None or dependency.name is None or dependency.request_param_name is None or any(parameters):
        raise TypeError(f"{dependency.call}: a dependency here is a plain function of the request alone")
    return dependency.name, dependency.call


def _only_model(fields: list[Any], where: str) -> tuple[str, type[BaseModel]] | None:
    if not fields:
        return None
    annotation = fields[0].field_info.annotation
    if len(fields) > 1 or not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        raise TypeError(f"the {where} of a route is one pydantic model, not {[field.name for field in fields]}")
    return fields[0].name, annotation


def _code(detail: Mapping[str, Any]) -> str:
    return "UNKNOWN_FIELD" if detail["type"] == "extra_forbidden" else str(detail["type"]).upper()


def _sentence(detail: Mapping[str, Any], model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        known = ", ".join(field.alias or name for name, field in model.model_fields.items()) or "none"
        hint = f"; known are: {known}" if len(detail["loc"]) == 1 else ""
        return f"{str(detail['loc'][-1])[:100]} is not known here{hint}."
    if detail["type"] == "union_tag_invalid":
        context = detail["ctx"]
        return f"{context['discriminator']} must be one of {context['expected_tags']}."
    message = str(detail["msg"]).removeprefix("Value error, ")
    return message if message.endswith(".") else message + "."


def _pointer(location: tuple[int | str, ...], document: object) -> str:
    """RFC 6901 pointer for a pydantic location, which also names union members that the document does not have."""
    pointer = "#"
    last = len(location) - 1
    for index, part in enumerate(location):
        inside = (isinstance(document, dict) and part in document) or (
            isinstance(document, list) and isinstance(part, int) and part < len(document)
        )
        if inside:
            document = document[part]  # type: ignore[index]  # `inside` has checked it
        elif index != last or not isinstance(document, dict):
            continue
        pointer += "/" + str(part).replace("~", "~0").replace("/", "~1")
    return pointer + "/" if pointer == "#" else pointer
