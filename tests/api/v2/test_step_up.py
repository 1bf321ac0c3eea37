"""Step-up over HTTP."""

import datetime as dt

import httpx
import pytest
from starlette.types import Scope

from app.api.problems import problem_response
from app.domain.errors import NotAuthenticated
from app.domain.guesses.limit import MAXIMUM
from tests.api.conftest import Person
from tests.conftest import Running
from tests.factories import PASSWORD

STEP_UP = "/api/v2/auth/step-up"


class TestStepUp:
    async def test_it_says_until_when_the_session_is_fresh(self, ann: Person) -> None:
        response = await ann.http.post(STEP_UP, json={"password": PASSWORD})
        assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
        left = dt.datetime.fromisoformat(response.json()["fresh_until"]) - dt.datetime.now(dt.UTC)
        assert dt.timedelta(minutes=9) < left < dt.timedelta(minutes=11)

    async def test_a_wrong_password_is_a_401(self, ann: Person) -> None:
        response = await ann.http.post(STEP_UP, json={"password": "wrong"})
        assert (response.status_code, response.json()["code"]) == (401, "WRONG_PASSWORD")
        assert response.headers["www-authenticate"] == 'Bearer realm="todo"'

    async def test_after_five_it_is_a_429(self, ann: Person) -> None:
        answers = [await ann.http.post(STEP_UP, json={"password": "wrong"}) for _ in range(MAXIMUM + 1)]
        assert [answer.status_code for answer in answers] == [401] * MAXIMUM + [429]
        assert answers[-1].json()["code"] == "TOO_MANY_ATTEMPTS"
        assert 890 <= int(answers[-1].headers["retry-after"]) <= 900
        assert (await ann.http.post(STEP_UP, json={"password": PASSWORD})).status_code == 429

    @pytest.mark.parametrize("body", [{}, {"password": ""}, {"password": PASSWORD, "user_id": "x"}])
    async def test_anything_else_is_a_422(self, ann: Person, body: dict[str, str]) -> None:
        assert (await ann.http.post(STEP_UP, json=body)).status_code == 422

    async def test_it_is_not_in_version_1(self, ann: Person) -> None:
        response: httpx.Response = await ann.http.post("/api/v1/auth/step-up", json={"password": PASSWORD})
        assert response.status_code == 404


class TestChallenge:
    def test_it_tells_clients_to_step_up(self, service: Running) -> None:
        scope: Scope = {"type": "http", "path": "/api/v2/me", "state": {"services": service.services}}
        response = problem_response(scope, NotAuthenticated("No.", code="STEP_UP_REQUIRED"))
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == (
            'Bearer realm="todo", error="insufficient_user_authentication", max_age="600"'
        )
