"""Everybody on every operation of both documents, on things of three places: each gets what the rules say."""

import json
from collections import Counter
from itertools import product
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.security.cast import SECRET, Cast, Question
from tests.security.operations import Operation, operations
from tests.security.rules import RULES, Outcome, Place, Role, expected, rule_for

UNKNOWN_CALLER = {"NOT_AUTHENTICATED", "INVALID_TOKEN", "TOKEN_EXPIRED", "SESSION_ENDED"}
# What a body says of a team and of a project that the caller does not see. Version 1 has no codes for members.
UNSEEN = ("team_id must be one of your teams", "project_id must be a project of")
REQUEST_ID = "the-same-for-all-questions"
# What differs between two answers that say the same: the moment.
PASSING = {"timestamp"}
# Likewise: each question is charged, and a limit by the hour takes its time to be whole again.
COUNTING = {"ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"}
# Operations that nobody can be served by here, each with the reason.
NOT_SERVED = {
    "verify_registration": "needs a token that was mailed; tests/api/v1/test_registration.py has one",
    "reset_password": "needs a token that was mailed; tests/api/v2/test_recovery.py has one",
    "verify_my_email": "needs a token that was mailed; tests/api/v2/test_my_address.py has one",
    "cancel_deletion": "needs a token that was mailed; tests/api/v2/test_erasure.py has one",
}


@pytest.fixture
async def http(client: httpx.AsyncClient) -> httpx.AsyncClient:
    client.headers["X-Request-Id"] = REQUEST_ID
    return client


async def asked(http: httpx.AsyncClient, operation: Operation, question: Question) -> httpx.Response:
    """The answer to the question."""
    content = None if question.body is None else json.dumps(question.body)
    headers = {**question.headers, **({"Content-Type": operation.media_type} if operation.media_type else {})}
    return await http.request(operation.method, question.path(operation), content=content, headers=headers)


def code_of(answer: httpx.Response) -> str:
    """The code of a refusal in either version; "" if it has none."""
    content: Any = answer.json() if answer.content else {}
    return str(content.get("code") or content.get("error", {}).get("code") or "") if isinstance(content, dict) else ""


def outcome_of(answer: httpx.Response) -> str:
    """Which outcome it is; text that is none for what must never come."""
    status, content = answer.status_code, answer.text
    if status >= 500 or status in {400, 405, 406, 413, 415}:
        return f"{status} {content}"
    if status == 401 and code_of(answer) in UNKNOWN_CALLER:
        return Outcome.UNKNOWN
    if status in {403, 404}:
        return Outcome(str(status))
    if status == 422 and any(sentence in content for sentence in UNSEEN):
        return Outcome.UNSEEN
    if status == 200 and '"failed":1' in content:  # Version 1 says what became of each of many.
        return Outcome.INVISIBLE if '"NOT_FOUND"' in content else Outcome.FORBIDDEN
    return Outcome.SERVED


def nowhere(question: Question) -> Question:
    """The same question about what never existed."""
    ids = {name: str(uuid4()) if name.endswith("_id") else value for name, value in question.ids.items()}
    text = json.dumps(question.body)
    for value in (*question.ids.values(), *_ids_in(question.body)):
        text = text.replace(value, str(uuid4()))
    return Question(question.headers, ids, json.loads(text))


def _ids_in(value: Any) -> list[str]:
    match value:
        case dict():
            return [found for inner in value.values() for found in _ids_in(inner)]
        case list():
            return [found for inner in value for found in _ids_in(inner)]
        case str() if len(value) == 36 and value.count("-") == 4:
            return [value]
    return []


def seen(answer: httpx.Response, question: Question) -> tuple[int, str, Any]:
    """All that a client sees of a refusal, but for the ids that it has named itself and the moment."""
    text, headers = answer.text, str(sorted(item for item in answer.headers.items() if item[0] not in COUNTING))
    for value in (*question.ids.values(), *_ids_in(question.body)):
        text, headers = text.replace(value, "<id>"), headers.replace(value, "<id>")

    def without_moments(content: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in content.items() if name not in PASSING}

    return answer.status_code, headers, json.loads(text, object_hook=without_moments)


class TestRules:
    def test_every_operation_has_a_rule(self) -> None:
        lacking = [
            str(each)
            for each in operations()
            if expected(f"{each.method} {each.place}", Role.OWNER, Place.OWN, is_public=each.is_public) is None
        ]
        assert lacking == [], "tests/security/rules.py has to say who may do this"

    def test_every_rule_is_used(self) -> None:
        used = {rule_for(f"{each.method} {each.place}") for each in operations() if not each.is_public}
        assert [rule.operations for rule in RULES if rule not in used] == []

    def test_the_exceptions_are_of_operations_that_exist(self) -> None:
        assert set(NOT_SERVED) <= {each.id for each in operations()}


@pytest.mark.parametrize("operation", operations(), ids=str)
class TestMatrix:
    async def test_everybody_gets_what_the_rules_say(
        self, operation: Operation, cast: Cast, http: httpx.AsyncClient
    ) -> None:
        wrong, statuses = [], Counter[int]()
        for role, place in product(Role, Place):
            right = expected(f"{operation.method} {operation.place}", role, place, is_public=operation.is_public)
            question = await cast.question(operation, role, place)
            answer = await asked(http, operation, question)
            statuses[answer.status_code] += 1
            got = outcome_of(answer)
            if got != right:
                wrong.append(f"{role}, {place}: {got} instead of {right}: {answer.status_code} {answer.text[:300]}")
            if right is not Outcome.SERVED and SECRET in answer.text:
                wrong.append(f"{role}, {place}: shown {answer.text[:300]}")
            if right in {Outcome.INVISIBLE, Outcome.UNSEEN}:
                missing = nowhere(question)
                absent = await asked(http, operation, missing)
                one, other = seen(answer, question), seen(absent, missing)
                if one != other:
                    wrong.append(f"{role}, {place}: {one} where nothing is {other}")
        assert wrong == [], "\n".join(wrong)
        served = any(200 <= status < 300 for status in statuses)
        assert served or operation.id in NOT_SERVED, f"nobody was served, so refusals prove nothing: {statuses}"
