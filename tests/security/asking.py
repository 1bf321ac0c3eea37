"""Asks for every operation as somebody who may, so that a refusal is for the reason that a test is about."""

import json
from typing import Any

import httpx

from tests.security.cast import Cast, Question
from tests.security.operations import Operation
from tests.security.rules import Place, Role, rule_for


def entitled(operation: Operation) -> Role:
    """Who is served by the operation on their own things."""
    rule = rule_for(f"{operation.method} {operation.place}")
    is_for_administrators = rule is not None and rule.expected(Role.OWNER, Place.OWN) != "served"
    return Role.ADMINISTRATOR if is_for_administrators else Role.OWNER


async def fair_question(cast: Cast, operation: Operation, *, again: Question | None = None) -> Question:
    """A question that the operation would answer; the one that was asked before, if to ask changes nothing."""
    if again is not None and operation.method == "GET":
        return again
    return await cast.question(operation, entitled(operation), Place.OWN)


async def ask(
    http: httpx.AsyncClient,
    operation: Operation,
    question: Question,
    *,
    query: str = "",
    headers: list[tuple[bytes, bytes]] | None = None,
    path: str | None = None,
    content: str | bytes | None = None,
) -> httpx.Response:
    """The answer to the question, asked with whatever is given instead."""
    lines = [(name.encode(), value.encode()) for name, value in question.headers.items()]
    if operation.media_type:
        lines.append((b"Content-Type", operation.media_type.encode()))
        content = json.dumps(question.body) if content is None else content
    target = question.path(operation) if path is None else path
    url = f"{target}?{query}" if query else target
    return await http.request(operation.method, url, content=content, headers=[*lines, *(headers or [])])


def places_of_objects(value: Any, pointer: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where in a JSON value the objects are, itself included."""
    match value:
        case dict():
            return [
                pointer,
                *(found for name, inner in value.items() for found in places_of_objects(inner, (*pointer, name))),
            ]
        case list():
            return [found for index, inner in enumerate(value) for found in places_of_objects(inner, (*pointer, index))]
    return []


def places_of_texts(value: Any, pointer: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where in a JSON value the texts are."""
    match value:
        case dict():
            return [found for name, inner in value.items() for found in places_of_texts(inner, (*pointer, name))]
        case list():
            return [found for index, inner in enumerate(value) for found in places_of_texts(inner, (*pointer, index))]
        case str():
            return [pointer]
    return []


def inside(value: Any, pointer: tuple[str | int, ...]) -> Any:
    """What is at that place."""
    for part in pointer:
        value = value[part]
    return value


def fields_of(answer: httpx.Response) -> dict[str, str]:
    """The faults that a refusal names: code (version 2) or sentence (version 1) by pointer or parameter."""
    content = answer.json()
    if "error" in content:
        fields: dict[str, str] = content["error"].get("fields", {})
        return {f"#/{name.replace('.', '/')}": sentence for name, sentence in fields.items()}
    return {error.get("pointer") or error["parameter"]: error["code"] for error in content.get("errors", ())}
