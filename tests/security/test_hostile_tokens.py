"""Tokens that nobody issued, as the service answers them: 401 as a problem, kept by nobody, and never a fault."""

import asyncio
from dataclasses import dataclass

import httpx
import pytest

from app.database.executor import Database
from tests.conftest import Running
from tests.factories import make_user, open_session
from tests.security.forgery import Forger, Forgeries, with_the_key, without_the_key

PATH = "/api/v2/me"
OLDER_PATH = "/api/v1/users/me"


@dataclass(frozen=True)
class Attacker:
    """Somebody with an honest session, who makes tokens out of what they have."""

    forger: Forger
    http: httpx.AsyncClient

    async def faults(self, name: str, header: str) -> list[str]:
        """What is wrong with the answers to this Authorization header."""
        found = []
        for path in (PATH, OLDER_PATH):
            answer = await self.http.get(path, headers=[(b"Authorization", header.encode())])
            kind = "application/problem+json" if path == PATH else "application/json"
            code = answer.json().get("code") or answer.json().get("error", {}).get("code")
            seen = (answer.status_code, answer.headers["content-type"], answer.headers["cache-control"])
            if seen != (401, kind, "no-store") or code not in {"INVALID_TOKEN", "TOKEN_EXPIRED", "SESSION_ENDED"}:
                found.append(f"{name} at {path}: {seen} {code}")
            elif answer.headers["www-authenticate"] != 'Bearer realm="todo", error="invalid_token"':
                found.append(f"{name} at {path}: {answer.headers['www-authenticate']}")
        return found


@pytest.fixture
async def attacker(service: Running, database: Database, client: httpx.AsyncClient) -> Attacker:
    tokens = await open_session(database, service.services.authority, await make_user(database))
    return Attacker(Forger(service.services.authority.access_tokens, tokens), client)


class TestForgeries:
    async def test_the_honest_token_that_they_are_made_of_is_good(self, attacker: Attacker) -> None:
        """Otherwise the tests below would prove nothing, and so for the token that the forger signs anew."""
        for token in (attacker.forger.honest, attacker.forger.claiming(), attacker.forger.headed()):
            answer = await attacker.http.get(PATH, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200, answer.text

    @pytest.mark.parametrize("forgeries", [without_the_key, with_the_key], ids=lambda made: made.__name__)
    async def test_each_is_401_and_nothing_else(self, attacker: Attacker, forgeries: Forgeries) -> None:
        found = [
            fault
            for name, token in forgeries(attacker.forger)
            for fault in await attacker.faults(name, f"Bearer {token}")
        ]
        assert found == [], "\n".join(found)

    async def test_a_forgery_is_refused_where_the_honest_token_has_just_been_kept(self, attacker: Attacker) -> None:
        honest = {"Authorization": f"Bearer {attacker.forger.honest}"}
        for name, token in without_the_key(attacker.forger):
            assert (await attacker.http.get(PATH, headers=honest)).status_code == 200
            assert await attacker.faults(name, f"Bearer {token}") == []


class TestTheWayThere:
    """The same honest token, sent in ways in which no token is taken."""

    @pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
    async def test_the_scheme_is_spelled_in_any_case(self, attacker: Attacker, scheme: str) -> None:
        answer = await attacker.http.get(PATH, headers={"Authorization": f"{scheme} {attacker.forger.honest}"})
        assert answer.status_code == 200

    @pytest.mark.parametrize(
        "scheme", ["", "Basic", "Digest", "Token", "JWT", "Bearer:", "Bearer,", "\u0412earer", "DPoP"]
    )
    async def test_another_scheme_is_refused(self, attacker: Attacker, scheme: str) -> None:
        header = f"{scheme} {attacker.forger.honest}".encode()
        answer = await attacker.http.get(PATH, headers=[(b"Authorization", header)])
        assert (answer.status_code, answer.json()["code"]) == (401, "NOT_AUTHENTICATED")

    @pytest.mark.parametrize("tokens", [("{}", "x.y.z"), ("x.y.z", "{}"), ("{}", "")])
    async def test_of_two_headers_none_is_believed(self, attacker: Attacker, tokens: tuple[str, str]) -> None:
        headers = [("Authorization", f"Bearer {token.format(attacker.forger.honest)}") for token in tokens]
        answer = await attacker.http.get(PATH, headers=headers)
        assert answer.status_code == 401

    async def test_the_same_header_twice_is_refused_as_well(self, attacker: Attacker) -> None:
        answer = await attacker.http.get(PATH, headers=[("Authorization", f"Bearer {attacker.forger.honest}")] * 2)
        assert answer.status_code == 401

    @pytest.mark.parametrize("name", ["access_token", "token", "authorization", "jwt", "api_key"])
    async def test_a_token_in_the_query_is_none(self, attacker: Attacker, name: str) -> None:
        answer = await attacker.http.get(f"{PATH}?{name}={attacker.forger.honest}")
        assert answer.status_code == 401

    @pytest.mark.parametrize("name", ["access_token", "token", "Authorization", "session", "__Host-session"])
    async def test_a_token_in_a_cookie_is_none(self, attacker: Attacker, name: str) -> None:
        answer = await attacker.http.get(PATH, headers={"Cookie": f"{name}={attacker.forger.honest}"})
        assert answer.status_code == 401

    @pytest.mark.parametrize(
        "name", ["Proxy-Authorization", "X-Authorization", "X-Access-Token", "X-Forwarded-Authorization"]
    )
    async def test_a_token_in_another_header_is_none(self, attacker: Attacker, name: str) -> None:
        answer = await attacker.http.get(PATH, headers={name: f"Bearer {attacker.forger.honest}"})
        assert answer.status_code == 401

    async def test_a_token_in_the_body_is_none(self, attacker: Attacker) -> None:
        """RFC 6750 has a way to send one in a form; it is not taken."""
        answer = await attacker.http.post("/api/v2/todos", data={"access_token": attacker.forger.honest})
        assert answer.status_code == 401


class TestManyAtOnce:
    async def test_honest_tokens_and_forgeries_at_the_same_time_do_not_mix(self, attacker: Attacker) -> None:
        forged = [token for _, token in without_the_key(attacker.forger) if token.isascii()][:60]
        tokens = [token for each in forged for token in (each, attacker.forger.honest)]

        async def status(token: str) -> int:
            return (await attacker.http.get(PATH, headers={"Authorization": f"Bearer {token}"})).status_code

        assert await asyncio.gather(*map(status, tokens)) == [401, 200] * len(forged)
