"""The service on a real socket, in a thread of this process, and people who use it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Self, TypeVar

import httpx
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from app.domain.users.user import User
from app.http_protocol import BoundedHttp
from app.lifespan import Services
from app.main import create_app
from app.server import listen
from app.settings import Settings
from tests.factories import bearer, make_user, open_session

T = TypeVar("T")
STARTUP_SECONDS = 30


class LiveService:
    """Serves from `with` on, as `todo serve` would. Its services can be used from outside its thread through `run`."""

    def __init__(self, settings: Settings) -> None:
        self._application = create_app(settings)
        self._socket = listen("127.0.0.1", 0)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._with_notes,
                http=BoundedHttp,
                loop="uvloop",
                interface="asgi3",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
            )
        )
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._has_started = threading.Event()
        self._lifespan: Scope = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.http = httpx.Client(base_url=self.url)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._has_started.wait(STARTUP_SECONDS), "the service did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self._server.should_exit = True
        self._thread.join(STARTUP_SECONDS)
        self._socket.close()

    @property
    def services(self) -> Services:
        """What the service works with. To be touched in its own event loop only: see `run`."""
        services: Services = self._lifespan["state"]["services"]
        return services

    def run(self, work: Callable[[Services], Coroutine[Any, Any, T]]) -> T:
        """What `work` returns, run in the service's event loop."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work(self.services), self._loop).result(STARTUP_SECONDS)

    def person(self, name: str, *, roles: tuple[str, ...] = ()) -> "Person":
        """Somebody new."""
        return Person(self, self.run(lambda services: make_user(services.database, name=name, roles=roles)))

    async def _with_notes(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._application(scope, receive, send)
            return
        self._lifespan, self._loop = scope, asyncio.get_running_loop()

        def send_and_note(message: Message) -> Awaitable[None]:
            if message["type"] == "lifespan.startup.complete":
                self._has_started.set()
            return send(message)

        await self._application(scope, receive, send_and_note)


class Person:
    """A user of the service, and the header that says so."""

    def __init__(self, service: LiveService, user: User) -> None:
        self.user = user
        self._service = service
        self.headers = self.new_session()[0]

    def new_session(self) -> tuple[dict[str, str], str]:
        """The header of another session of theirs, and its refresh token."""
        tokens = self._service.run(
            lambda services: open_session(services.database, services.authority, self.user),
        )
        return bearer(tokens), tokens.refresh_token

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What the service answers them: JSON, or None if there is no body. It must not be an error."""
        response = self._service.http.request(method, path, json=body, headers=self.headers)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def create(self, path: str, **body: Any) -> str:
        """The id of the new resource that a POST makes."""
        created: dict[str, Any] = self.ask("POST", path, body)
        return str(created.get("id", ""))
