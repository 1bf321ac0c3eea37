"""Examples of whole bodies, put together from those of their members; their links in the version of the document."""

import re
from typing import Any

from app.api.fields import EXAMPLE_ID
from app.api.links import VERSION_1, VERSION_2
from app.api.openapi.schemas import Schema, Schemas, resolved, subschemas
from app.api.v1.auth_documents import ACCOUNTS


def example_of(schema: Schema, schemas: Schemas, *, with_optional: bool = False) -> Any:
    """A value that the schema allows, put together from the examples of its members.

    Optional members take part if that is wanted, if they have an example, and if they are no references to other
    resources: nobody knows their ids.
    """
    schema = resolved(schema, schemas)
    if schema.get("examples"):
        return schema["examples"][0]
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in schema:
            return example_of(schema[keyword][0], schemas, with_optional=with_optional)
    if "properties" in schema:
        return {
            name: example_of(member, schemas, with_optional=with_optional)
            for name, member in schema["properties"].items()
            if name in schema.get("required", ()) or (with_optional and _is_worth_showing(member))
        }
    if schema.get("type") == "array":
        return [example_of(schema["items"], schemas, with_optional=with_optional)]
    if "const" in schema:
        return schema["const"]
    return schema.get("default")


def links_of_version_1(content: Any, paths: dict[str, Any]) -> Any:
    """`content`, its examples linking to version 1 where that has the path: schemas that are shared show version 2."""
    shapes = {re.sub(r"{[^}]*}", "{}", path) for path in paths}

    def link(match: re.Match[str]) -> str:
        itself = match.group()
        if itself == ACCOUNTS[VERSION_2]:
            return ACCOUNTS[VERSION_1]
        older = itself.replace(VERSION_2, VERSION_1, 1)
        return older if older.replace(EXAMPLE_ID, "{}") in shapes else itself

    def converted(value: Any, *, is_example: bool) -> Any:
        if isinstance(value, dict):
            return {
                name: converted(inner, is_example=is_example or name in {"example", "examples"})
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [converted(inner, is_example=is_example) for inner in value]
        if is_example and isinstance(value, str):
            return re.sub(re.escape(VERSION_2) + r"/[a-z0-9/-]+", link, value)
        return value

    return converted(content, is_example=False)


def _is_worth_showing(schema: Schema) -> bool:
    return "examples" in schema and all(inner.get("format") != "uuid" for inner in subschemas(schema))
