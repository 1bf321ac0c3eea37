"""Every operation that the two OpenAPI documents name, with what an attack on it needs to know.

Read from the committed documents; another test holds those to the application, and so these to every route.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DOCUMENTS = Path(__file__).parents[1] / "api" / "openapi"
VERSIONS = ("v1", "v2")
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of one document. `place` is its path without the version: "/todos/{todo_id}"."""

    version: str
    id: str
    method: str
    path: str
    is_public: bool
    media_type: str | None
    example: Any
    schema: dict[str, Any]
    parameters: tuple[dict[str, Any], ...]
    # The schemas of its answers that are no errors, and the media types of all.
    answers: tuple[dict[str, Any], ...]
    produces: frozenset[str]

    @property
    def place(self) -> str:
        return self.path.removeprefix(f"/api/{self.version}") or "/"

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters of its path, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @property
    def query(self) -> tuple[str, ...]:
        """The names of its query parameters."""
        return tuple(each["name"] for each in self.parameters if each["in"] == "query")

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@cache
def document_of(version: str) -> dict[str, Any]:
    """The committed document of a version."""
    found: dict[str, Any] = json.loads((DOCUMENTS / f"{version}.json").read_text(encoding="utf-8"))
    return found


@cache
def operations() -> tuple[Operation, ...]:
    """All operations of both documents."""
    return tuple(each for version in VERSIONS for each in _operations(version))


def resolved(schema: dict[str, Any], version: str) -> dict[str, Any]:
    """The schema itself, where it is only a reference to one."""
    while "$ref" in schema:
        schema = document_of(version)["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _operations(version: str) -> Iterator[Operation]:
    document = document_of(version)
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method not in methods:
                continue
            found = methods[method]
            media: dict[str, Any] = found.get("requestBody", {}).get("content", {})
            # Of several media types the last one, which is plain JSON where a merge patch is the other.
            media_type, content = list(media.items())[-1] if media else (None, {})
            yield Operation(
                version=version,
                id=found["operationId"],
                method=method.upper(),
                path=path,
                is_public=found.get("security") == [],
                media_type=media_type,
                example=content.get("example"),
                schema=content.get("schema", {}),
                parameters=tuple(found.get("parameters", ())),
                answers=tuple(_schemas(found["responses"])),
                produces=frozenset(media for each in found["responses"].values() for media in each.get("content", {})),
            )


def _schemas(responses: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for status, response in responses.items():
        if status.startswith("2"):
            yield from (content["schema"] for content in response.get("content", {}).values() if "schema" in content)
