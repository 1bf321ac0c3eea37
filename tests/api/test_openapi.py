"""The OpenAPI documents: as committed, complete in every operation, and served as they are."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from app.api.openapi import Version, document
from app.api.openapi.preface import TAGS
from app.api.openapi.schemas import subschemas
from app.main import create_app
from app.settings import load_settings
from tests.application import VERSIONS, document_made

COMMITTED = Path(__file__).with_name("openapi")
DOCUMENTS: dict[Version, dict[str, Any]] = {version: document_made(version) for version in VERSIONS}
PUBLIC = {
    "v1": {
        "register",
        "resend_registration_mail",
        "verify_registration",
        "log_in",
        "refresh_tokens",
        "verify_mfa",
        "send_mfa_code",
    },
    "v2": {
        "register",
        "resend_registration_mail",
        "verify_registration",
        "cancel_deletion",
        "resend_cancellation",
        "forgot_password",
        "reset_password",
        "log_in",
        "refresh_tokens",
        "verify_mfa",
        "send_mfa_code",
        "get_root",
        "get_entry_point",
        "get_health",
        "get_liveness",
        "get_readiness",
    },
}


@dataclass(frozen=True)
class Operation:
    version: Version
    method: str
    path: str
    content: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        return {parameter["name"]: parameter for parameter in self.content.get("parameters", ())}

    def response(self, status: str) -> dict[str, Any]:
        response: dict[str, Any] = self.content["responses"][status]
        return resolved(self.version, response)

    def media(self) -> Iterator[dict[str, Any]]:
        """What its request and its responses may hold."""
        yield from self.content.get("requestBody", {}).get("content", {}).values()
        for status in self.content["responses"]:
            yield from self.response(status).get("content", {}).values()


def resolved(version: Version, content: dict[str, Any]) -> dict[str, Any]:
    """What `content` refers to, or itself."""
    found: Any = content
    if "$ref" in content:
        found = DOCUMENTS[version]
        for name in content["$ref"].removeprefix("#/").split("/"):
            found = found[name]
    assert isinstance(found, dict)
    return found


def faults(version: Version, schema: dict[str, Any], example: object) -> list[str]:
    """What is wrong with an example."""
    whole = {**schema, "components": DOCUMENTS[version]["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [error.message for error in validator.iter_errors(example)]


OPERATIONS = [
    Operation(version, method, path, content)
    for version in VERSIONS
    for path, methods in DOCUMENTS[version]["paths"].items()
    for method, content in methods.items()
]


@pytest.mark.parametrize("version", VERSIONS)
class TestTheDocument:
    def test_is_the_committed_one(self, version: Version):
        committed = json.loads((COMMITTED / f"{version}.json").read_text(encoding="utf-8"))

        assert DOCUMENTS[version] == committed, "The interface has changed. If it was to: make openapi, and commit."

    def test_knows_nothing_of_the_machine(self, version: Version):
        settings = load_settings(ENVIRONMENT="test", HOST="192.0.2.1", PORT="1", PUBLIC_BASE_URL="https://a.example")

        assert document(create_app(settings), version) == DOCUMENTS[version]

    def test_gives_each_operation_an_id_of_its_own(self, version: Version):
        ids = [operation.content["operationId"] for operation in OPERATIONS if operation.version == version]

        assert len(ids) > 20
        assert sorted(ids) == sorted(set(ids))

    def test_says_which_operations_need_no_token(self, version: Version):
        free = {
            operation.content["operationId"]
            for operation in OPERATIONS
            if operation.version == version and operation.content.get("security") == []
        }

        assert DOCUMENTS[version]["security"] == [{"bearer": []}]
        assert free == PUBLIC[version]

    def test_has_nothing_left_of_the_frameworks_errors(self, version: Version):
        assert not {"HTTPValidationError", "ValidationError"} & set(DOCUMENTS[version]["components"]["schemas"])
        assert "Validation Error" not in json.dumps(DOCUMENTS[version])

    def test_describes_every_member_of_every_schema(self, version: Version):
        undescribed = [
            f"{name}.{member}"
            for name, schema in DOCUMENTS[version]["components"]["schemas"].items()
            for member, inner in schema.get("properties", {}).items()
            if not resolved(version, inner).get("description")
        ]

        assert undescribed == []

    def test_has_only_valid_examples_in_its_schemas(self, version: Version):
        wrong = [
            (name, example, faults(version, inner, example))
            for name, schema in DOCUMENTS[version]["components"]["schemas"].items()
            for inner in subschemas(schema)
            for example in inner.get("examples", ())
            if faults(version, inner, example)
        ]

        assert wrong == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
class TestEachOperation:
    def test_says_what_it_does_and_what_is_special_about_it(self, operation: Operation):
        summary, description = operation.content["summary"], operation.content["description"]

        assert len(summary) >= 5
        assert not summary.endswith(".")
        assert len(description) >= 30
        assert description.rstrip(".").lower() != summary.lower()
        assert len(operation.content["tags"]) == 1
        assert set(operation.content["tags"]) <= set(TAGS)

    def test_refers_to_the_shared_errors(self, operation: Operation):
        errors = {status for status in operation.content["responses"] if int(status) >= 400}

        assert {"400", "406", "422", "500"} <= errors
        for status in errors - {"503"}:  # Health answers 503 in a shape of its own.
            assert set(operation.content["responses"][status]) == {"$ref"}

    def test_has_the_errors_of_its_kind(self, operation: Operation):
        wanted: set[str] = set()
        if operation.content.get("security") != []:
            wanted |= {"401", "503", "504"}
        if "{" in operation.path:
            wanted |= {"404"}
        if "requestBody" in operation.content:
            wanted |= {"408", "413", "415"}
        if "If-Match" in operation.parameters:
            wanted |= {"412"}

        assert wanted <= set(operation.content["responses"])

    def test_tells_conditional_readers_of_304(self, operation: Operation):
        is_conditional = "If-None-Match" in operation.parameters

        assert is_conditional == ("304" in operation.content["responses"])
        if is_conditional:
            assert "content" not in operation.response("304")
            assert "ETag" in operation.response("304")["headers"]
            assert "ETag" in operation.response("200")["headers"]

    def test_has_the_request_id_in_every_response(self, operation: Operation):
        for status in operation.content["responses"]:
            assert "X-Request-Id" in operation.response(status)["headers"]

    def test_is_deprecated_if_its_version_is(self, operation: Operation):
        assert operation.content.get("deprecated", False) == (operation.version == "v1")
        for status in operation.content["responses"]:
            told = {"Deprecation", "Sunset", "Link"} & set(operation.response(status)["headers"])
            assert operation.version == "v2" or told == {"Deprecation", "Sunset", "Link"}

    def test_describes_its_parameters(self, operation: Operation):
        for name, parameter in operation.parameters.items():
            assert parameter["description"], name
            assert {"type": "null"} not in parameter["schema"].get("anyOf", ()), name

    def test_takes_several_values_separated_by_commas(self, operation: Operation):
        for name, parameter in operation.parameters.items():
            if parameter["schema"].get("type") == "array":
                assert (parameter["style"], parameter["explode"]) == ("form", False), name

    def test_offers_a_merge_patch_as_such(self, operation: Operation):
        if operation.method == "patch":
            assert "application/merge-patch+json" in operation.content["requestBody"]["content"]
            schema = resolved(
                operation.version, operation.content["requestBody"]["content"]["application/merge-patch+json"]["schema"]
            )
            assert "required" not in schema
            assert not [name for name, member in schema["properties"].items() if "default" in member]

    def test_refuses_members_that_it_does_not_know(self, operation: Operation):
        for media in operation.content.get("requestBody", {}).get("content", {}).values():
            schema = resolved(operation.version, media["schema"])
            for choice in schema.get("oneOf", [schema]):
                assert resolved(operation.version, choice)["additionalProperties"] is False

    def test_shows_examples_that_are_valid(self, operation: Operation):
        for media in operation.media():
            assert faults(operation.version, media["schema"], media["example"]) == []
        for name, parameter in operation.parameters.items():
            for example in parameter["schema"].get("examples", ()):
                assert faults(operation.version, parameter["schema"], example) == [], name


@pytest.mark.parametrize("version", VERSIONS)
class TestServing:
    async def test_anybody_gets_the_document(self, version: Version, client: httpx.AsyncClient):
        response = await client.get(f"/api/{version}/openapi.json")

        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        assert response.headers["cache-control"] == "public, max-age=300"
        assert response.json() == DOCUMENTS[version]

    async def test_who_has_it_gets_304(self, version: Version, client: httpx.AsyncClient):
        etag = (await client.get(f"/api/{version}/openapi.json")).headers["etag"]

        response = await client.get(f"/api/{version}/openapi.json", headers={"If-None-Match": etag})

        assert not etag.startswith("W/")
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == etag
