"""JSON schemas as readers of the document want them. Knows JSON Schema; refuses to know operations and statuses."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter

Schema = dict[str, Any]
Schemas = dict[str, Schema]

PREFIX = "#/components/schemas/"
_BY_NAME = ("properties", "patternProperties", "$defs")
_ONE = ("items", "additionalProperties", "propertyNames", "not")
_MANY = ("anyOf", "oneOf", "allOf", "prefixItems")


def reference(name: str) -> Schema:
    """A reference to one of the document's schemas."""
    return {"$ref": PREFIX + name}


def subschemas(schema: Schema) -> Iterator[Schema]:
    """`schema` and all schemas inside it; what it refers to is not inside."""
    yield schema
    for keyword in _BY_NAME:
        for inner in schema.get(keyword, {}).values():
            yield from subschemas(inner)
    for keyword in _ONE:
        if isinstance(schema.get(keyword), dict):
            yield from subschemas(schema[keyword])
    for keyword in _MANY:
        for inner in schema.get(keyword, ()):
            yield from subschemas(inner)


def tidy(schema: Schema) -> None:
    """Removes titles that only repeat names, and examples next to a reference: what is referred to has its own."""
    for inner in subschemas(schema):
        inner.pop("title", None)
        if "$ref" in inner:
            inner.pop("examples", None)


def schemas_of(types: Mapping[str, Any]) -> Schemas:
    """The schemas of typed dictionaries and of what they contain, by name."""
    found: Schemas = {}
    for name, kind in types.items():
        schema = TypeAdapter(kind).json_schema(ref_template=PREFIX + "{model}", mode="serialization")
        found.update(schema.pop("$defs", {}))
        found[name] = schema
    for schema in found.values():
        tidy(schema)
    return found


def refuse_nul(schema: Schema) -> None:
    """Says of all texts that have no rules of their own what holds for every text of a request."""
    for inner in subschemas(schema):
        if inner.get("type") == "string" and not {"pattern", "enum", "const"} & set(inner) and not _is_strict(inner):
            inner["pattern"] = "^[^\\u0000]*$"


def without_null(schema: Schema) -> Schema:
    """`schema` for a place where null cannot be written: a path, a query or a header."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) != 1:
        return schema
    return {**choices[0], **{keyword: value for keyword, value in schema.items() if keyword != "anyOf"}}


def resolved(schema: Schema, schemas: Schemas) -> Schema:
    """What `schema` refers to, or itself."""
    while "$ref" in schema:
        schema = schemas[schema["$ref"].removeprefix(PREFIX)]
    return schema


def item_of(schema: Schema, schemas: Schemas) -> Schema | None:
    """The schema of a page's items; None if `schema` is not a page."""
    items = resolved(schema, schemas).get("properties", {}).get("items", {}).get("items")
    return items if isinstance(items, dict) else None


def with_fewer_members(schema: Schema, schemas: Schemas) -> Schema:
    """A schema for the answers that `fields` has cut down: the resource, or a page of them, with any of the members."""
    item = item_of(schema, schemas)
    if item is None:
        return _sparse(schema, schemas)
    name = "Sparse" + _name(schema)
    page = schemas[_name(schema)]
    properties = {**page["properties"], "items": {**page["properties"]["items"], "items": _sparse(item, schemas)}}
    schemas[name] = {**page, "properties": properties, "description": f"{page['description']} As `fields` asked."}
    return reference(name)


def used_in(content: Any, schemas: Schemas) -> set[str]:
    """The names of the schemas to which `content` refers, directly or through another one."""
    needed: set[str] = set()
    more = _references_in(content)
    while more:
        needed |= more
        more = _references_in([schemas[name] for name in more]) - needed
    return needed


def _references_in(content: Any) -> set[str]:
    if isinstance(content, dict):
        target = str(content.get("$ref", ""))
        found = {target.removeprefix(PREFIX)} if target.startswith(PREFIX) else set()
        return found.union(*(_references_in(value) for value in content.values()))
    if isinstance(content, list):
        return set().union(*(_references_in(value) for value in content))
    return set()


def _is_strict(schema: Schema) -> bool:
    return schema.get("format") in {"date", "date-time", "uuid"}


def _sparse(schema: Schema, schemas: Schemas) -> Schema:
    whole = schemas[_name(schema)]
    name = "Sparse" + _name(schema)
    schemas[name] = {
        **{keyword: value for keyword, value in whole.items() if keyword != "required"},
        "minProperties": 1,
    }
    schemas[name]["description"] = f"{whole['description']} Only the members that `fields` named."
    return reference(name)


def _name(schema: Schema) -> str:
    return str(schema["$ref"]).removeprefix(PREFIX)
