"""What tests of the interface share: people with tokens, and clients that send them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.database.executor import Database
from app.domain.users.user import User
from app.settings import Settings
from tests.authenticators import Clock, Enrolled, Telephone
from tests.conftest import Running
from tests.factories import PASSWORD, bearer, make_user, open_session

# Has an answer made anew, where its statements are counted.
UNKEPT = {"Cache-Control": "no-cache"}


@dataclass(frozen=True)
class Person:
    """A user, and a client that is logged in as them."""

    user: User
    http: httpx.AsyncClient

    async def create(self, path: str, **body: Any) -> dict[str, Any]:
        """POSTs `body` and returns the new resource."""
        response = await self.http.post(path, json=body)
        assert response.status_code == 201, response.text
        created: dict[str, Any] = response.json()
        return created


def own_tag(person: Person, version: int) -> str:
    """The entity tag of the person's account at `/me`."""
    return f'"{version}-self{person.user.id.hex}"'


NewPerson = Callable[..., Awaitable[Person]]


@pytest.fixture(scope="session")
def service_database(service: Running) -> Database:
    """The service's own pool, to count what runs on it."""
    return service.services.database


@pytest.fixture
async def new_person(service: Running, settings: Settings, database: Database) -> AsyncIterator[NewPerson]:
    async with AsyncExitStack() as clients:

        async def make(**attributes: Any) -> Person:
            user = await make_user(database, **attributes)
            headers = bearer(await open_session(database, service.services.authority, user))
            transport = httpx.ASGITransport(service.app, raise_app_exceptions=False)
            http = httpx.AsyncClient(transport=transport, base_url=settings.http.base_url, headers=headers)
            return Person(user, await clients.enter_async_context(http))

        yield make


async def set_up_totp(person: Person, clock: Clock) -> Enrolled:
    """Gives somebody in a fresh session an authenticator application, over the interface alone."""
    made = await person.http.post("/api/v2/me/mfa/totp", json={"password": PASSWORD})
    assert made.status_code == 200, made.text
    telephone = Telephone(made.json()["secret"], clock)
    confirmed = await person.http.post("/api/v2/me/mfa/totp/confirm", json={"code": telephone.code()})
    assert confirmed.status_code == 200, confirmed.text
    return Enrolled(telephone, confirmed.json()["recovery_codes"])


@pytest.fixture
async def ann(new_person: NewPerson) -> Person:
    return await new_person(name="Ann")


@pytest.fixture
async def bob(new_person: NewPerson) -> Person:
    return await new_person(name="Bob")
