"""What a client may not say: members that are not its to set, parameters twice, other methods in disguise."""

import copy
import json
import re
from typing import Any

import httpx
import pytest

from tests.security.asking import ask, fair_question, fields_of, inside, places_of_objects
from tests.security.cast import Cast
from tests.security.operations import Operation, document_of, operations, resolved

WRITES = [each for each in operations() if each.example is not None]
READS = [each for each in operations() if each.method == "GET"]
# What frameworks and people have let clients set, besides what answers show.
TEMPTING = re.findall(
    r"\S+",
    """
    id _id uuid is_admin admin isAdmin role_id permissions scopes scope is_staff is_superuser superuser verified
    email_verified is_verified password_hash password_changed_at hashed_password mfa_enabled totp_secret owner owner_id
    user user_id account_id tenant tenant_id team team_role created_at created_by updated_at deleted_at version etag
    proved_at last_login session_id token is_personal personal_user_id __proto__ constructor prototype $set $where
    __class__ links self
    """,
)


def shown(version: str) -> set[str]:
    """Every member that any answer of the version shows."""
    schemas = document_of(version)["components"]["schemas"].values()
    return {name for schema in schemas for name in schema.get("properties", {})}


def known_at(operation: Operation, pointer: tuple[str | int, ...]) -> set[str]:
    """The members that a client may send there."""
    return _members(resolved(operation.schema, operation.version), operation.version, list(pointer))


def _members(schema: dict[str, Any], version: str, rest: list[str | int]) -> set[str]:
    schema = resolved(schema, version)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in schema:
            return {name for each in schema[keyword] for name in _members(each, version, rest)}
    if not rest:
        return set(schema.get("properties", {}))
    if isinstance(rest[0], int):
        return _members(schema.get("items", {}), version, rest[1:])
    return _members(schema.get("properties", {}).get(rest[0], {}), version, rest[1:])


@pytest.mark.parametrize("operation", WRITES, ids=str)
class TestMassAssignment:
    async def test_members_that_are_the_services_own_are_refused_by_name(
        self, operation: Operation, cast: Cast, client: httpx.AsyncClient
    ) -> None:
        question = await fair_question(cast, operation)
        for pointer in places_of_objects(question.body):
            foreign = sorted((shown(operation.version) | set(TEMPTING)) - known_at(operation, pointer))
            body = copy.deepcopy(question.body)
            inside(body, pointer).update(dict.fromkeys(foreign, "admin"))

            answer = await ask(client, operation, question, content=json.dumps(body))

            assert answer.status_code == 422, answer.text
            prefix = "".join(f"/{part}" for part in pointer)
            named = {place.rsplit("/", 1)[1] for place in fields_of(answer) if place.startswith(f"#{prefix}/")}
            assert set(foreign) <= named, f"let through: {sorted(set(foreign) - named)}"

    async def test_a_member_twice_is_refused(self, operation: Operation, cast: Cast, client: httpx.AsyncClient) -> None:
        question = await fair_question(cast, operation)
        for pointer in places_of_objects(question.body):
            whole = inside(question.body, pointer)
            if not whole:
                continue
            name, value = next(iter(whole.items()))
            written = json.dumps(question.body)
            part = json.dumps(whole)
            twice = f"{part[:-1]}, {json.dumps(name)}: {json.dumps(value)}}}"
            answer = await ask(client, operation, question, content=written.replace(part, twice, 1))
            assert (answer.status_code, "MALFORMED_JSON" in answer.text) == (400, True), answer.text

    @pytest.mark.parametrize(
        "media_type",
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", ""],
    )
    async def test_a_body_of_another_type_is_not_read(
        self, operation: Operation, media_type: str, cast: Cast, client: httpx.AsyncClient
    ) -> None:
        """Simple requests of foreign pages have no other types, so none of them can write."""
        question = await fair_question(cast, operation)
        headers = {**question.headers, **({"Content-Type": media_type} if media_type else {})}
        content = json.dumps(question.body)
        answer = await client.request(operation.method, question.path(operation), content=content, headers=headers)
        assert answer.status_code == 415, answer.text


@pytest.mark.parametrize("operation", operations(), ids=str)
class TestParameterPollution:
    async def test_each_parameter_is_given_once_and_no_other_is_known(
        self, operation: Operation, cast: Cast, client: httpx.AsyncClient
    ) -> None:
        question = await fair_question(cast, operation)
        queries = ["unknown=1", "_method=DELETE", "access_token=x", "%00=1", "__proto__=1"]
        for name in operation.query or ("page",):
            queries += [f"{name}=1&{name}=2", f"{name}[]=1", f"{name}[0]=1", f"{name}[$ne]=1", f"{name}%00=1"]
            queries += [
                f"{name}=1&{name.replace('_', '%5F')}=2" if "_" in name else f"{name}=1&%{ord(name[0]):x}{name[1:]}=2"
            ]
        wrong = []
        for query in queries:
            answer = await ask(client, operation, question, query=query)
            if answer.status_code != 422 or not fields_of(answer):
                wrong.append(f"{query}: {answer.status_code} {answer.text[:200]}")
        assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("operation", READS, ids=str)
class TestMethods:
    @pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"])
    async def test_a_read_stays_a_read_whatever_a_header_says(
        self, operation: Operation, name: str, cast: Cast, client: httpx.AsyncClient
    ) -> None:
        question = await fair_question(cast, operation)
        plain = await ask(client, operation, question)
        for method in (b"DELETE", b"PUT", b"PATCH", b"POST"):
            disguised = await ask(client, operation, question, headers=[(name.encode(), method)])
            assert disguised.status_code == plain.status_code, disguised.text
        again = await ask(client, operation, question)
        assert again.status_code == plain.status_code


class TestStrangeMethods:
    @pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK", "DEBUG", "PROPFIND", "get", "Get", "GETX", "PRI"])
    async def test_a_method_that_nobody_offers_is_405(self, method: str, client: httpx.AsyncClient) -> None:
        paths = {each.path for each in operations() if "{" not in each.path}
        for path in sorted(paths):
            request = client.build_request("GET", path)
            request.method = method  # The client would write it in upper case.
            answer = await client.send(request)
            assert answer.status_code == 405, f"{method} {path}: {answer.status_code}"
            assert "allow" in answer.headers
