"""What schemathesis asks, made worth asking: by people with tokens, about things that exist."""

import copy
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import negated_parameters
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import ignored_auth

from app.api.conditional import ENTITY_TAGS
from tests.contract.checks import CHECKS
from tests.contract.household import Household
from tests.contract.live import LiveService

DOCUMENTS = Path(__file__).parents[1] / "api" / "openapi"
EXAMPLES = 15
CONFIGURATION = {
    "seed": 20261121,
    "suppress-health-check": ["too_slow"],  # Other tests run meanwhile.
    "generation": {"deterministic": True, "max-examples": EXAMPLES, "database": "none"},
    "phases": {"examples": {"enabled": True}, "coverage": {"enabled": True}, "fuzzing": {"enabled": True}},
    "checks": {
        # tests.contract.checks looks closer at 400 and 422.
        "positive_data_acceptance": {
            "expected-statuses": ["2xx", "304", "400", "401", "403", "404", "409", "412", "422", "429"]
        },
        "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "406", "415", "422"]},
    },
}


@cache
def document_of(version: str) -> dict[str, Any]:
    """The committed document of a version. Another test holds it to what the application makes."""
    document: dict[str, Any] = json.loads((DOCUMENTS / f"{version}.json").read_text(encoding="utf-8"))
    return document


def conversations(version: str) -> dict[str, Any]:
    """For each operation of a version, a test in which schemathesis talks about it; by the name of the test.

    Each has a name of its own: under pytest 9.2, the tests that schemathesis 4.32 makes of one function all have the
    same node id, and pytest-xdist runs one of them only.
    """
    schema = _closed(version)
    return {f"test_{name}": _conversation(schema, name) for name in operation_ids(version)}


def operation_ids(version: str) -> list[str]:
    """The ids of all operations of a version."""
    paths: dict[str, dict[str, Any]] = document_of(version)["paths"]
    return [operation["operationId"] for methods in paths.values() for operation in methods.values()]


def _conversation(schema: BaseSchema, operation_id: str) -> Any:
    @schema.include(operation_id=operation_id).parametrize()
    def test(case: Case[Any], speakers: Speakers) -> None:
        speakers.talk(case)

    return test


def _closed(version: str) -> BaseSchema:
    """The document for schemathesis. A member that it does not name is a fault here."""
    document = copy.deepcopy(document_of(version))
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(CONFIGURATION))


class Speakers:
    """For each operation a household of its own, so that operations cannot spoil each other's things."""

    def __init__(self, service: LiveService) -> None:
        self._service = service
        self._households: dict[str, Household] = {}
        # How often each operation, by its id, got which status.
        self.answers: dict[str, Counter[int]] = {}
        # Which operations have been seen to refuse who has no token.
        self._guarded: set[str] = set()

    def talk(self, case: Case[Any]) -> None:
        """Sends one case and checks the answer."""
        name = case.operation.definition.raw["operationId"]
        if name not in self._households:
            self._households[name], self.answers[name] = Household(self._service), Counter()
        household, answers = self._households[name], self.answers[name]
        turn = answers.total()
        household.prepare(case.operation.method, case.operation.path)
        _mend(case)
        _make_real(case, household, is_everything_real=turn % 2 == 0)
        headers = _speaker(case, household, turn)
        response = case.call(base_url=self._service.url, headers=headers)
        answers[response.status_code] += 1
        # The service is asked twice more for it. Whether an operation wants a token is shown by its first success.
        excluded = [ignored_auth] if name in self._guarded else []
        case.validate_response(response, headers=headers, additional_checks=CHECKS, excluded_checks=excluded)
        if headers and response.status_code < 300:
            self._guarded.add(name)


def _speaker(case: Case[Any], household: Household, turn: int) -> dict[str, str]:
    """The owner; every fourth time somebody who may only look; and a session of its own for what may end it.

    Nobody where the case is about just that.
    """
    if ("Authorization", ParameterLocation.HEADER) in negated_parameters(case.meta):
        return {}
    if re.search("/(auth|me)(/|$)", case.operation.path):
        return household.member.new_session()[0]
    return household.viewer.headers if turn % 4 == 3 else household.owner.headers


def _mend(case: Case[Any]) -> None:
    """Repairs valid cases: the coverage phase makes headers of letters and digits only, whatever pattern they have."""
    if case.meta is not None and case.meta.generation.mode.is_positive:
        for name in {"If-Match", "If-None-Match"} & set(case.headers):
            if not re.fullmatch(ENTITY_TAGS, case.headers[name]):
                case.headers[name] = f'"{case.headers[name]}"'


def _make_real(case: Case[Any], household: Household, *, is_everything_real: bool) -> None:
    """Puts what exists where a valid case has invented ids: always in the path, elsewhere if that is wanted."""
    if case.meta is None:
        return
    if case.path_parameters and not case.meta.is_negative_at(ParameterLocation.PATH):
        case.path_parameters.update(household.path_parameters(case.operation.method, case.operation.path))
    if not is_everything_real or case.meta.generation.mode.is_negative:
        return
    case.query.pop("cursor", None)
    if "If-Match" in case.headers:
        case.headers["If-Match"] = "*"
    if isinstance(case.body, dict):
        case.body = _with_values(case.body, household.body_values(case.operation.path))


def _with_values(content: Any, values: dict[str, Any]) -> Any:
    if isinstance(content, dict):
        return {
            name: values[name] if name in values and value is not None else _with_values(value, values)
            for name, value in content.items()
        }
    if isinstance(content, list):
        return [_with_values(value, values) for value in content]
    return content
