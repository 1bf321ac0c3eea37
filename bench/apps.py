"""The applications that are compared: how each is started, and where it offers what is measured."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import node
from bench.places import ROOT

MAIN = "main"
"""The database that everything is measured on, unless the application says otherwise."""
SMALL = "small"
"""One of 10,000 todos, for what growth costs."""
WORKERS = 2

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
    numbered_todos: str = ""
    """Lists by page number, which need OFFSET."""
    login: str = ""
    has_sessions: bool = False
    """Tokens come from its own login. The others take any token that is signed with the common key."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables beyond those that all share."""
    directory: Path = ROOT
    database: str = MAIN
    on_all_cores: bool = False


def reference(name: str, module: str, *, hello: str = "", todos: str = "", login: str = "") -> App:
    """A reference application, run by the same server with the same options as every other one."""
    return App(name=name, command=(*_UVICORN, f"bench.references.{module}"), hello=hello, todos=todos, login=login)


def _on_our_http(name: str, module: str) -> App:
    """A hello on this service's own HTTP connections: what is around it is measured where it is used."""
    command = (sys.executable, "-m", "bench.references.on_our_http", "{port}", f"bench.references.{module}")
    return App(name=name, command=command, hello="/")


SERVICE = App(
    name="this service",
    command=(sys.executable, "-m", "app.cli", "serve"),
    hello="/health/live",
    todos="/api/v2/todos",
    numbered_todos="/api/v1/todos",
    login="/api/v2/auth/login",
    has_sessions=True,
)
SERVICE_OF_WORKERS = replace(
    SERVICE, name=f"this service, {WORKERS} workers", settings={"WORKERS": str(WORKERS)}, on_all_cores=True
)
SMALL_SERVICE = replace(SERVICE, name="this service, 10,000 todos", database=SMALL)
ASGI_HELLO = reference("bare ASGI hello", "hello_asgi:app", hello="/")
ASGI_HELLO_ON_OUR_HTTP = _on_our_http("bare ASGI hello on our HTTP", "hello_asgi:app")
ASGI_HELLO_IN_STACK = _on_our_http("bare ASGI hello on our HTTP inside our middleware", "hello_in_stack:app")
FASTAPI_HELLO = reference("plain FastAPI hello", "hello_fastapi:app", hello="/")
ASYNCPG = reference("bare ASGI + asyncpg", "asyncpg_service:app", todos="/todos")
FASTAPI_ASYNCPG = reference("FastAPI + asyncpg", "fastapi_asyncpg:app", todos="/todos")
FASTIFY = App(name="Fastify + pg", command=("node", str(node.SERVICE)), todos="/todos")
BEFORE = reference('the "before" app', "before.main:app", hello="/", todos="/todos", login="/auth/login")

APPS = (
    *(SERVICE, SERVICE_OF_WORKERS, SMALL_SERVICE),
    *(ASGI_HELLO, ASGI_HELLO_ON_OUR_HTTP, ASGI_HELLO_IN_STACK, FASTAPI_HELLO),
    *(ASYNCPG, FASTAPI_ASYNCPG, FASTIFY, BEFORE),
)
