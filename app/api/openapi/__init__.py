"""The OpenAPI 3.1 document of each version: FastAPI's reading of the routes, completed by what all routes share."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts

from app.api.openapi.examples import links_of_version_1
from app.api.openapi.operations import complete, operation_of
from app.api.openapi.preface import API_KEY, BEARER, CONTACT, DESCRIPTIONS, LICENSE, SERVERS, TAGS
from app.api.openapi.responses import Version, shared_headers, shared_responses
from app.api.openapi.schemas import tidy, used_in
from app.api.routing import ApiRoute

__all__ = ["Version", "document"]

_TITLES: dict[Version, str] = {"v1": "Todo service, version 1", "v2": "Todo service, version 2"}
_NUMBERS: dict[Version, str] = {"v1": "1.0.0", "v2": "2.0.0"}


def document(app: FastAPI, version: Version) -> dict[str, Any]:
    """The document of one version, new each time; that of version 2 has the unversioned routes as well.

    Takes some tenths of a second. It depends on the routes alone, not on settings or the machine.
    """
    routes = [context for context in iter_route_contexts(app.routes) if _belongs(context, version)]
    made: dict[str, Any] = get_openapi(
        title=_TITLES[version], version=_NUMBERS[version], routes=routes, description=DESCRIPTIONS[version]
    )
    paths, schemas = made["paths"], made["components"]["schemas"]
    for schema in schemas.values():
        tidy(schema)
    operations = [
        operation_of(context, method, paths, version) for context in routes for method in sorted(context.methods or ())
    ]
    statuses = {status for operation in operations for status in complete(operation, schemas)}
    responses = shared_responses(version, statuses, schemas)
    used_tags = {tag for operation in operations for tag in operation.content["tags"]}
    completed = {
        "openapi": made["openapi"],
        "info": {**made["info"], "contact": CONTACT, "license": LICENSE},
        "servers": SERVERS,
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items() if name in used_tags],
        "paths": paths,
        "components": {
            "schemas": {name: schemas[name] for name in sorted(used_in([paths, responses], schemas))},
            "responses": responses,
            "headers": shared_headers(_named_headers(paths) | _named_headers(responses)),
            "securitySchemes": {"bearer": BEARER, "apiKey": API_KEY},
        },
    }
    if version == "v1":
        return {name: links_of_version_1(content, paths) for name, content in completed.items()}
    return completed


def _belongs(context: RouteContext, version: Version) -> bool:
    route = context.original_route
    if not isinstance(route, ApiRoute) or not context.include_in_schema:
        return False
    is_v1 = str(context.path_format).startswith("/api/v1/")
    return is_v1 if version == "v1" else not is_v1


def _named_headers(content: Any) -> set[str]:
    """The names of the shared headers that `content` refers to."""
    if isinstance(content, dict):
        target = str(content.get("$ref", ""))
        own = {target.rpartition("/")[2]} if target.startswith("#/components/headers/") else set()
        return own.union(*(_named_headers(value) for value in content.values()))
    if isinstance(content, list):
        return {name for value in content for name in _named_headers(value)}
    return set()
