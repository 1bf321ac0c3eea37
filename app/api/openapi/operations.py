"""What every operation's description gains besides what its route declares: by rule, so that no route can forget it.

The rules follow from what a route is (its method, parameters and body, and whether it is public). An error that they do
not give, a route names itself: `responses={403: {}}`.
"""

from dataclasses import dataclass
from typing import Any

from fastapi.routing import RouteContext

from app.api.fields import EXAMPLE_ID
from app.api.openapi.examples import example_of
from app.api.openapi.responses import RATE_LIMIT, Version, error_reference, headers
from app.api.openapi.schemas import (
    Schema,
    Schemas,
    item_of,
    reference,
    refuse_nul,
    resolved,
    tidy,
    used_in,
    with_fewer_members,
    without_null,
)
from app.api.routing import JSON, MERGE_PATCH, ApiRoute
from app.domain.identity.permissions import GRANTABLE, Permission
from app.rate_limits.declarations import limiter

_WRITES = ("post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """One method of one path: what FastAPI says about it, and its route."""

    content: dict[str, Any]
    method: str
    path: str
    route: ApiRoute
    version: Version

    @property
    def has_body(self) -> bool:
        """True if it reads a body."""
        return "requestBody" in self.content

    @property
    def is_unlimited(self) -> bool:
        """True if it is counted for no limit."""
        return limiter.is_exempt(self.route.endpoint)

    def takes(self, name: str) -> bool:
        """True if it has a parameter of this name."""
        return any(parameter["name"] == name for parameter in self.content.get("parameters", ()))


def operation_of(context: RouteContext, method: str, paths: dict[str, Any], version: Version) -> Operation:
    """The operation of a route's method in the document's `paths`."""
    route, path = context.original_route, str(context.path_format)
    if not isinstance(route, ApiRoute):
        raise TypeError(f"{path} is no JSON route")
    return Operation(paths[path][method.lower()], method.lower(), path, route, version)


def complete(operation: Operation, schemas: Schemas) -> set[int]:
    """Completes one operation in place; returns the statuses for which it needs a shared response."""
    content = operation.content
    content["operationId"] = operation.route.endpoint.__name__
    if operation.route.is_public:
        content["security"] = []
    else:
        _say_what_it_needs(content, operation.route.need.permission)
    if operation.version == "v1":
        content["deprecated"] = True
    for parameter in content.get("parameters", ()):
        _complete_parameter(parameter)
    _complete_success(operation, schemas)
    if operation.takes("fields"):
        _offer_fewer_members(operation, schemas)
    if operation.has_body:
        _complete_body(operation, schemas)
    declared = {int(status) for status in content["responses"] if status.isdigit() and int(status) >= 400}
    own = {status for status in declared if "content" in content["responses"][str(status)] and status != 422}
    shared = (_errors(operation) | declared) - own
    if operation.takes("If-None-Match"):
        shared.add(304)
    content["responses"].update({str(status): error_reference(status) for status in shared})
    content["responses"] = dict(sorted(content["responses"].items()))
    return shared


def _say_what_it_needs(content: dict[str, Any], permission: Permission) -> None:
    content["x-permission"] = permission.value
    content["security"] = [{"bearer": []}]
    if permission in GRANTABLE:
        # OpenAPI 3.1 lets this list name the scope; spectral wants lists of OAuth's schemes alone.
        content["security"].append({"apiKey": []})
        sentence = f"An API key needs the scope `{permission}`."
    else:
        sentence = "Not for API keys."
    content["description"] = f"{content['description'].rstrip()}\n\n{sentence}"


def _errors(operation: Operation) -> set[int]:
    """The errors that this kind of operation can answer. 405 is not one of them: then it is another operation."""
    errors = {400, 406, 422, 500}  # Every route checks the query string and Accept.
    if not operation.is_unlimited:
        errors.add(429)
    if not operation.route.is_public:
        errors |= {401, 403, 503, 504}
    if operation.has_body:
        errors |= {408, 413, 415, 503, 504}
    if "{" in operation.path:
        errors.add(404)
    if operation.takes("If-Match"):
        errors.add(412)
    is_write = operation.method in _WRITES and not operation.route.is_public
    if is_write and (operation.has_body or "{" in operation.path):
        errors.add(409)
    return errors


# Headers of answers by the parameter that makes them.
_TOLD_WITH = {"cursor": "Link", "Prefer": "Preference-Applied"}


def _complete_success(operation: Operation, schemas: Schemas) -> None:
    for status, response in operation.content["responses"].items():
        media = response.get("content", {}).get(JSON)
        own = list(response.get("headers", ()))  # Those that the route names itself.
        if media is not None:
            tidy(media["schema"])
            whole = resolved(media["schema"], schemas)
            if "example" not in media:  # A route may say better what it answers than the examples of the members do.
                media["example"] = example_of(media["schema"], schemas)
            if response["description"] == "Successful Response":
                response["description"] = whole.get("description", "The answer.")
            version = whole.get("properties", {}).get("version", {})
            if version.get("type") == "integer" or operation.takes("If-None-Match"):
                own.append("ETag")
        elif status == "204":
            response["description"] = "Done. There is no body."
        if status == "201":
            own.append("Location")
        own += [header for taken, header in _TOLD_WITH.items() if operation.takes(taken)]
        if status == "503":
            own.append("Retry-After")
        if not operation.is_unlimited:
            own += RATE_LIMIT
        response["headers"] = headers(operation.version, *own)


def _complete_parameter(parameter: dict[str, Any]) -> None:
    schema = without_null(parameter["schema"])
    tidy(schema)
    refuse_nul(schema)
    schema.pop("description", None)
    if schema.get("examples") == [None]:
        del schema["examples"]
    parameter["schema"] = schema
    if parameter["in"] == "header":
        parameter["name"] = parameter["name"].title()
    if parameter["in"] == "path":
        parameter.setdefault("description", f"The {parameter['name'].removesuffix('_id')}, by its id.")
        schema.setdefault("examples", schema.get("enum", [EXAMPLE_ID])[:1])
    if schema.get("type") == "array":
        # Values are separated by commas. None at all is the parameter left out.
        parameter |= {"style": "form", "explode": False}
        schema.pop("default", None)
        schema["minItems"] = 1


def _offer_fewer_members(operation: Operation, schemas: Schemas) -> None:
    media = operation.content["responses"]["200"]["content"][JSON]
    whole = media["schema"]
    item = item_of(whole, schemas) or whole
    members = [name for name in resolved(item, schemas)["properties"] if name != "expanded"]
    media["schema"] = {"anyOf": [whole, with_fewer_members(whole, schemas)]}
    for parameter in operation.content["parameters"]:
        if parameter["name"] == "fields":
            parameter["schema"]["items"] = {"type": "string", "enum": members}


def _complete_body(operation: Operation, schemas: Schemas) -> None:
    body = operation.content["requestBody"]
    media = body["content"][JSON]
    for name in used_in(media["schema"], schemas):
        refuse_nul(schemas[name])
    _forget_defaults_of_patch(operation, media["schema"], schemas)
    media["example"] = example_of(media["schema"], schemas, with_optional=True)
    if operation.method == "patch":
        body["content"] = {MERGE_PATCH: media}
        # openapi-python-client 0.29 makes modules that do not import of two media types and no optional parameter.
        if any(not parameter["required"] for parameter in operation.content.get("parameters", ())):
            body["content"][JSON] = media


def _forget_defaults_of_patch(operation: Operation, schema: Schema, schemas: Schemas) -> None:
    if operation.method == "patch" and schema == reference(schema.get("$ref", "").rpartition("/")[2]):
        for member in resolved(schema, schemas)["properties"].values():
            member.pop("default", None)
