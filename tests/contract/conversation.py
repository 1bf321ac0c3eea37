"""What schemathesis asks, made worth asking: by people with tokens, about things that exist; and what it must find true."""

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis import Case, CheckContext, Response
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.schemas import BaseSchema

from tests.contract.household import Household
from tests.contract.live import LiveService, Person

SNAPSHOTS = Path(__file__).parents[1] / "api" / "openapi"

# 422 and 400 for a request that keeps to the document: rules that a schema cannot express, each by its code.
BEYOND_SCHEMAS = {
    "CURSOR_MISMATCH",
    "UNKNOWN_TEAM",
    "UNKNOWN_PROJECT",
    "UNKNOWN_PARENT",
    "UNKNOWN_ASSIGNEE",
    "UNKNOWN_ACCOUNT",
    "UNKNOWN_TAG",
    "UNKNOWN_TIMEZONE",
}
# Names of response headers that the document has to mention where they occur.
TOLD = {
    "accept-patch",
    "accept-post",
    "deprecation",
    "etag",
    "link",
    "location",
    "preference-applied",
    "retry-after",
    "sunset",
    "www-authenticate",
    "x-request-id",
}


def load(version: str) -> dict[str, Any]:
    """The committed document of a version; another test holds it to what the application serves."""
    document: dict[str, Any] = json.loads((SNAPSHOTS / f"{version}.json").read_text(encoding="utf-8"))
    return document


def conversation(version: str) -> BaseSchema:
    """The document for schemathesis, closed: a member that it does not name is a fault here."""
    document = copy.deepcopy(load(version))
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    config = SchemathesisConfig.from_dict(
        {
            "seed": 20261121,
            "generation": {"deterministic": True, "max-examples": 20, "database": "none"},
            "phases": {"coverage": {"enabled": True}, "fuzzing": {"enabled": True}, "examples": {"enabled": True}},
            "checks": {
                # `is_accepted_or_beyond_schemas` looks at these closer.
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "304", "400", "401", "403", "404", "409", "412", "422"]
                },
                "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "406", "415", "422"]},
            },
        }
    )
    return schemathesis.openapi.from_dict(document, config=config)


def everyone(service: LiveService) -> "Speakers":
    return Speakers(service)


class Speakers:
    """For each operation a household of its own, so that operations cannot spoil each other's things."""

    def __init__(self, service: LiveService) -> None:
        self._service = service
        self._households: dict[str, Household] = {}
        self._asked: Counter[str] = Counter()
        self.answers: dict[str, Counter[int]] = {}

    def talk(self, case: Case) -> None:
        """Sends one case and checks the answer."""
        label = case.operation.label
        household = self._households.get(label)
        if household is None:
            household = self._households[label] = Household(self._service)
        self._asked[label] += 1
        _make_real(case, household, is_turn=self._asked[label] % 2 == 1)
        headers = self._headers(case, household)
        response = case.call(base_url=self._service.url, headers=headers)
        self.answers.setdefault(label, Counter())[response.status_code] += 1
        case.validate_response(
            response,
            headers=headers,
            additional_checks=[is_accepted_or_beyond_schemas, tells_its_headers],
            transport_kwargs={"base_url": self._service.url},
        )

    def _headers(self, case: Case, household: Household) -> dict[str, str]:
        """Every fourth case comes from somebody who may only look; what ends sessions has one of its own."""
        person: Person = household.viewer if self._asked[case.operation.label] % 4 == 0 else household.owner
        path = case.operation.path
        if "/auth/" in path or "/me" in path:
            return household.member.new_session()[0]
        return person.headers


def _make_real(case: Case, household: Household, *, is_turn: bool) -> None:
    """Puts what exists where a valid case has invented ids; in bodies and queries every other time."""
    meta = case.meta
    if meta is None:
        return
    if case.path_parameters and not meta.is_negative_at(ParameterLocation.PATH):
        case.path_parameters.update(household.path_parameters(case.method, case.operation.path))
    if not is_turn:
        return
    values = household.body_values(case.operation.path)
    if isinstance(case.body, dict) and not meta.is_negative_at(ParameterLocation.BODY):
        case.body = _with_values(case.body, values)


def _with_values(content: Any, values: dict[str, Any]) -> Any:
    if isinstance(content, dict):
        return {
            name: values[name] if name in values and value is not None else _with_values(value, values)
            for name, value in content.items()
        }
    if isinstance(content, list):
        return [_with_values(value, values) for value in content]
    return content


@schemathesis.check
def is_accepted_or_beyond_schemas(_ctx: CheckContext, response: Response, case: Case) -> bool | None:
    """A valid request is refused only under a rule that no schema can express."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or response.status_code not in {400, 422}:
        return True
    codes = _codes(response.json())
    unexplained = codes - BEYOND_SCHEMAS
    assert not unexplained, f"{response.status_code} {sorted(unexplained)}: {response.text}"
    return None


@schemathesis.check
def tells_its_headers(_ctx: CheckContext, response: Response, case: Case) -> bool | None:
    """Every header that means something to clients is documented where it occurs."""
    definition = case.operation.responses.find_by_status_code(response.status_code)
    if definition is None or response.request.method.lower() != case.operation.method:
        return True
    told = {name.lower() for name, _ in (definition.headers or {}).items()}
    untold = (TOLD & set(response.headers)) - told
    assert not untold, f"{response.status_code} has undocumented headers: {sorted(untold)}"
    return None


def _codes(content: dict[str, Any]) -> set[str]:
    if "error" in content:
        return {content["error"]["code"]}
    return {error["code"] for error in content.get("errors", ())} or {content["code"]}
