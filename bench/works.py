"""The works that are measured: which requests they are for each application, and what a right answer looks like."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.apps import (
    ASGI_HELLO,
    ASGI_HELLO_IN_STACK,
    ASGI_HELLO_ON_OUR_HTTP,
    ASYNCPG,
    BEFORE,
    FASTAPI_ASYNCPG,
    FASTAPI_HELLO,
    FASTIFY,
    SERVICE,
    SERVICE_OF_WORKERS,
    SMALL_SERVICE,
    App,
)
from bench.data import BEFORE_EMAIL, CREATED_TITLE, PASSWORD, Owner
from bench.messages import Answer, UnexpectedAnswerError, request

PAGE = 20
CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Caller:
    """A user and the token that one application knows the user by."""

    owner: Owner
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One kind of request. Applications are compared with the first of `apps`."""

    name: str
    apps: tuple[App, ...]
    requests: Callable[[App, Sequence[Caller]], list[bytes]]
    is_right: Callable[[Mapping[str, object]], bool]
    connections: int = CONNECTIONS
    at_least_seconds: float = 0.0
    """Windows are this long even in a quick run, because fewer answers than a few dozen are no measurement."""
    creates: bool = False
    on_all_cores: bool = False
    """The server may use every core: its work is done in threads, and the limit it is held against is the machine's."""

    def check(self, answer: Answer) -> None:
        """Raises UnexpectedAnswerError unless the answer is that of this work."""
        if not self.is_right(answer.document()):
            raise UnexpectedAnswerError(f"{self.name}: {answer.body[:300]!r}")


def _hello(app: App, _callers: Sequence[Caller]) -> list[bytes]:
    return [request("GET", app.hello)]


def _get(app: App, callers: Sequence[Caller], *, uncached: bool) -> list[bytes]:
    """Todos of all callers in turn, so that neither a user's rows nor a row are asked for twice in a row."""
    fewest = min(len(caller.owner.todo_ids) for caller in callers)
    return [
        request("GET", f"{app.todos}/{caller.owner.todo_ids[number]}", token=caller.token, uncached=uncached)
        for number in range(fewest)
        for caller in callers
    ]


def _page(app: App, callers: Sequence[Caller], *, uncached: bool) -> list[bytes]:
    return [request("GET", f"{app.todos}?limit={PAGE}", token=caller.token, uncached=uncached) for caller in callers]


def _create(app: App, callers: Sequence[Caller]) -> list[bytes]:
    return [request("POST", app.todos, token=caller.token, document={"title": CREATED_TITLE}) for caller in callers]


def _login(app: App, callers: Sequence[Caller]) -> list[bytes]:
    """Logins of the callers; of one user only where the application keeps passwords in its own, stronger way."""
    emails = [caller.owner.email for caller in callers] if app.has_sessions else [BEFORE_EMAIL]
    return [request("POST", app.login, document={"email": email, "password": PASSWORD}) for email in emails]


def _is_todo(document: Mapping[str, object]) -> bool:
    return {"id", "title", "version", "created_at"} <= document.keys()


def _is_page(document: Mapping[str, object]) -> bool:
    items = document.get("items")
    return isinstance(items, list) and len(items) == PAGE


_WITH_DATABASE = (SERVICE, SMALL_SERVICE, ASYNCPG, FASTAPI_ASYNCPG, FASTIFY, BEFORE)

HELLO = Work(
    name="hello",
    apps=(SERVICE, ASGI_HELLO, ASGI_HELLO_ON_OUR_HTTP, ASGI_HELLO_IN_STACK, FASTAPI_HELLO),
    requests=_hello,
    is_right=lambda document: "status" in document,
)
CACHED_LIST = Work(
    name=f"cached list of {PAGE}",
    apps=(SERVICE, SERVICE_OF_WORKERS),
    requests=lambda app, callers: _page(app, callers, uncached=False),
    is_right=_is_page,
)
CACHED_GET = Work(
    name="cached get",
    apps=(SERVICE, SERVICE_OF_WORKERS),
    requests=lambda app, callers: _get(app, callers, uncached=False),
    is_right=_is_todo,
)
GET = Work(
    name="uncached get",
    apps=_WITH_DATABASE,
    requests=lambda app, callers: _get(app, callers, uncached=True),
    is_right=_is_todo,
)
LIST = Work(
    name=f"uncached list of {PAGE}",
    apps=_WITH_DATABASE,
    requests=lambda app, callers: _page(app, callers, uncached=True),
    is_right=_is_page,
)
CREATE = Work(
    name="create",
    apps=(SERVICE, SERVICE_OF_WORKERS, *_WITH_DATABASE[1:]),
    requests=_create,
    is_right=lambda document: document.get("title") == CREATED_TITLE,
    creates=True,
)
LOGIN = Work(
    name="login",
    apps=(SERVICE, BEFORE),
    requests=_login,
    is_right=lambda document: "access_token" in document,
    connections=8,
    at_least_seconds=3.0,
    on_all_cores=True,
)

WORKS = (HELLO, CACHED_LIST, CACHED_GET, GET, LIST, CREATE, LOGIN)
