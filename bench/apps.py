"""The applications that are compared: how each is started, and where it offers what is measured."""

import sys
from dataclasses import dataclass

_UVICORN = (
    *(sys.executable, "-m", "uvicorn", "--port", "{port}", "--interface", "asgi3", "--loop", "uvloop"),
    *("--http", "httptools", "--no-proxy-headers", "--no-server-header", "--no-access-log", "--log-level", "warning"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One application. An empty path says that it does not offer this."""

    name: str
    command: tuple[str, ...]
    hello: str = ""
    todos: str = ""
    login: str = ""
    has_sessions: bool = False
    """Tokens come from its own login. The others take any token that is signed with the common key."""


def reference(name: str, module: str, *, hello: str = "", todos: str = "", login: str = "") -> App:
    """A reference application, run by the same server with the same options as every other one."""
    return App(name=name, command=(*_UVICORN, f"bench.references.{module}"), hello=hello, todos=todos, login=login)


SERVICE = App(
    name="this service",
    command=(sys.executable, "-m", "app.cli", "serve"),
    hello="/health/live",
    todos="/api/v2/todos",
    login="/api/v2/auth/login",
    has_sessions=True,
)
ASGI_HELLO = reference("bare ASGI hello", "hello_asgi:app", hello="/")
ASGI_HELLO_IN_STACK = reference("bare ASGI hello inside our middleware", "hello_in_stack:app", hello="/")
FASTAPI_HELLO = reference("plain FastAPI hello", "hello_fastapi:app", hello="/")
ASYNCPG = reference("bare ASGI + asyncpg", "asyncpg_service:app", todos="/todos")
BEFORE = reference('the "before" app', "before.main:app", hello="/", todos="/todos", login="/auth/login")

APPS = (SERVICE, ASGI_HELLO, ASGI_HELLO_IN_STACK, FASTAPI_HELLO, ASYNCPG, BEFORE)
