"""What one person has does not exist for another: every operation of both documents on somebody else's things."""

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.domain.second_factors.factor import Method
from tests.contract.conversation import document_of
from tests.contract.household import Household
from tests.contract.live import LiveService, Person

SECRET = "Olga's secret"


@dataclass(frozen=True)
class Operation:
    """One operation of a document, and the body that the document shows as its example."""

    version: str
    method: str
    path: str
    body: Any
    is_public: bool
    parameters: frozenset[str]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations(version: str) -> list[Operation]:
    """All operations of a document."""
    found = []
    for path, methods in document_of(version)["paths"].items():
        for method, content in methods.items():
            media: dict[str, Any] = next(iter(content.get("requestBody", {}).get("content", {}).values()), {})
            is_public = content.get("security") == []
            names = frozenset(parameter["name"] for parameter in content.get("parameters", ()))
            found.append(Operation(version, method.upper(), path, media.get("example"), is_public, names))
    return found


EVERY = [*operations("v1"), *operations("v2")]
# A kind of second factor is not somebody's: the path is about the caller's own.
ON_ONE_THING = [operation for operation in EVERY if "{" in operation.path and "{method}" not in operation.path]
# What is left of limits is numbers, and the same for whoever has asked for nothing yet.
LISTS = [
    one
    for one in EVERY
    if one.method == "GET" and "{" not in one.path and not one.is_public and not one.path.endswith("/me/limits")
]
CHANGES = [operation for operation in ON_ONE_THING if operation.method != "GET"]
PROTECTED = [operation for operation in EVERY if not operation.is_public]


@pytest.fixture(scope="module")
def household(live: LiveService) -> Household:
    return Household(live)


@pytest.fixture(scope="module")
def secrets(household: Household) -> Household:
    """The household, with something in every list, all of it called SECRET."""
    owner, team, today = household.owner, household.team, dt.datetime.now(dt.UTC).date()
    for days in (-1, 0, 1):
        due = str(today + dt.timedelta(days))
        owner.create("/api/v2/todos", title=SECRET, team_id=team, due_date=due, tags=[SECRET])
    for place, name in (("todos", "title"), ("projects", "name")):
        trashed = owner.create(f"/api/v2/{place}", team_id=team, **{name: SECRET})
        owner.ask("DELETE", f"/api/v2/{place}/{trashed}")
    owner.create("/api/v2/projects", name=SECRET, team_id=team)
    owner.create("/api/v2/teams", name=SECRET)
    owner.create("/api/v2/me/api-keys", name=SECRET, scopes=["todos:read"])
    assert household.export
    household.enrol(owner, Method.MAIL)
    return household


@pytest.fixture(scope="module")
def outsider(live: LiveService) -> Person:
    return live.person("Oscar")


def send(live: LiveService, operation: Operation, values: dict[str, str], headers: dict[str, str]) -> httpx.Response:
    path = operation.path.format_map(values)
    return live.http.request(operation.method, path, json=operation.body, headers=headers)


def without_ids(response: httpx.Response, values: dict[str, str]) -> dict[str, Any]:
    """The body of an error, but for what differs with each request."""
    text = response.text
    for value in values.values():
        text = text.replace(value, "<id>")
    content: dict[str, Any] = json.loads(text)
    content = content.get("error", content)
    return {name: value for name, value in content.items() if name not in {"instance", "request_id", "timestamp"}}


@pytest.mark.parametrize("operation", ON_ONE_THING, ids=str)
class TestSomebodyElsesThings:
    def test_an_outsider_gets_the_404_of_what_never_existed(
        self, operation: Operation, live: LiveService, household: Household, outsider: Person
    ) -> None:
        values = household.path_parameters(operation.method, operation.path)
        nowhere = {name: str(uuid4()) for name in values}

        theirs = send(live, operation, values, outsider.headers)
        nothing = send(live, operation, nowhere, outsider.headers)

        assert theirs.status_code == 404, theirs.text
        assert without_ids(theirs, values) == without_ids(nothing, nowhere)


@pytest.mark.parametrize("operation", CHANGES, ids=str)
class TestAfterwards:
    def test_the_owner_finds_it_as_it_was(
        self, operation: Operation, live: LiveService, household: Household, outsider: Person
    ) -> None:
        values = household.path_parameters(operation.method, operation.path)
        before = seen(operation, values, household)

        send(live, operation, values, outsider.headers)

        assert seen(operation, values, household) == before


def seen(operation: Operation, values: dict[str, str], household: Household) -> Any:
    """What the owner sees where the operation is about to act: the thing, or the list that holds it."""
    if "session_id" in values or operation.path.endswith("/sessions"):
        return household.member.ask("GET", "/api/v2/me/sessions")["items"]
    if "api_key_id" in values or operation.path.endswith("/api-keys"):
        return household.member.ask("GET", "/api/v2/me/api-keys")["items"]
    trashed = operation.path.endswith("/restore")
    places = {"todo_id": "todos", "project_id": "projects", "tag_id": "tags", "block_id": "admin/blocks"}
    for name, place in places.items():
        if name in values:
            if trashed:
                return household.owner.ask("GET", f"/api/v2/{place}/trash")["items"]
            return household.owner.ask("GET", f"/api/v2/{place}/{values[name]}")
    if "team_id" in values:
        team = f"/api/v2/teams/{values['team_id']}"
        return household.owner.ask("GET", team), household.owner.ask("GET", f"{team}/members")
    return household.owner.ask("GET", f"/api/v2/users/{values['user_id']}")


@pytest.mark.parametrize("operation", LISTS, ids=str)
class TestLists:
    def test_nothing_of_somebody_else_is_in_it(
        self, operation: Operation, live: LiveService, secrets: Household, outsider: Person
    ) -> None:
        filters = {"team_id": secrets.team} if "team_id" in operation.parameters else {}

        everything = live.http.get(operation.path, headers=outsider.headers)
        filtered = live.http.get(operation.path, params=filters, headers=outsider.headers)

        assert {everything.status_code, filtered.status_code} <= {200, 403}
        assert SECRET not in everything.text + filtered.text
        assert secrets.team not in everything.text
        assert str(secrets.owner.user.id) not in everything.text + filtered.text

    def test_the_owner_sees_it_there(
        self, operation: Operation, live: LiveService, secrets: Household, outsider: Person
    ) -> None:
        """Otherwise the test above would prove nothing."""
        mine = live.http.get(operation.path, headers=secrets.owner.headers)
        theirs = live.http.get(operation.path, headers=outsider.headers)

        assert mine.status_code == 200
        assert mine.json() != theirs.json()


@pytest.mark.parametrize("operation", PROTECTED, ids=str)
class TestWithoutToken:
    def test_it_is_401_whatever_else_is_wrong(self, operation: Operation, live: LiveService) -> None:
        path = operation.path.replace("{", "not-").replace("}", "-an-id")

        response = live.http.request(operation.method, f"{path}?unknown=1", content=b"{")

        assert response.status_code == 401, response.text
        assert response.headers["www-authenticate"].startswith("Bearer ")
