"""Documentation that the service serves itself: the OpenAPI documents, pages that show them, and pages about errors.

Nothing on them comes from another host, and their content security policy allows nothing that is inside a page.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.conditional import is_unchanged
from app.api.documentation.account_pages import account_pages
from app.api.documentation.pages import FOR_FIVE_MINUTES, Assets, article, strong_tag, swagger_page
from app.api.documentation.problem_pages import problem_index, problem_pages
from app.api.openapi import Version, document
from app.api.routing import PageRoute, PublicRoute
from app.domain.errors import NotFound

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_documents = APIRouter(route_class=PublicRoute)

_ASSETS = Assets()
_ACCOUNT_PAGES = account_pages()
_PROBLEMS = problem_pages()
_PROBLEM_INDEX = problem_index()
_SWAGGER = {
    "v1": swagger_page("Todo service, version 1", "/api/v1/openapi.json"),
    "v2": swagger_page("Todo service, version 2", "/api/v2/openapi.json"),
}
_MIGRATION = article(
    "From version 1 to version 2", Path(__file__).with_name("migrate_v1_v2.html").read_text(encoding="utf-8")
)
_INDEX = article(
    "Todo service",
    """<ul>
<li><a href="/docs/v2">Version 2</a>: the interface, with every operation to try
(<a href="/api/v2/openapi.json">OpenAPI 3.1</a>)</li>
<li><a href="/docs/v1">Version 1</a>: the older interface, deprecated
(<a href="/api/v1/openapi.json">OpenAPI 3.1</a>)</li>
<li><a href="/docs/migrate-v1-v2">From version 1 to version 2</a></li>
<li><a href="/problems">Problems</a>: what errors mean</li>
</ul>""",
)


class OpenApiDocuments:
    """The documents of this process as they are sent, each made when it is first asked for."""

    def __init__(self) -> None:
        self._making = asyncio.Lock()
        self._made: dict[Version, bytes] = {}

    async def response(self, request: Request, version: Version) -> Response:
        """The document, or 304 if the client has it."""
        async with self._making:
            if version not in self._made:
                # In a thread: it takes some tenths of a second, which other requests should not wait.
                made: dict[str, Any] = await asyncio.to_thread(document, request.app, version)
                self._made[version] = json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()
        body = self._made[version]
        headers = {"ETag": strong_tag(body), "Cache-Control": FOR_FIVE_MINUTES, "Vary": "Accept-Encoding"}
        if is_unchanged(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="application/json")


@_documents.get("/api/v1/openapi.json")
async def get_openapi_v1(request: Request) -> Response:
    """The OpenAPI document of version 1."""
    documents: OpenApiDocuments = request.app.state.openapi_documents
    return await documents.response(request, "v1")


@_documents.get("/api/v2/openapi.json")
async def get_openapi_v2(request: Request) -> Response:
    """The OpenAPI document of version 2."""
    documents: OpenApiDocuments = request.app.state.openapi_documents
    return await documents.response(request, "v2")


@router.get("/docs")
async def get_documentation(request: Request) -> Response:
    """Where the documentation begins."""
    return _INDEX.response(request)


@router.get("/docs/v1")
async def get_documentation_of_v1(request: Request) -> Response:
    """Version 1 in Swagger UI."""
    return _SWAGGER["v1"].response(request)


@router.get("/docs/v2")
async def get_documentation_of_v2(request: Request) -> Response:
    """Version 2 in Swagger UI."""
    return _SWAGGER["v2"].response(request)


@router.get("/docs/migrate-v1-v2")
async def get_migration(request: Request) -> Response:
    """What changed between the versions, and how to move."""
    return _MIGRATION.response(request)


@router.get("/docs/account/{page}")
async def get_account_page(request: Request, page: str) -> Response:
    """What to do with the token of a mailed link."""
    found = _ACCOUNT_PAGES.get(page)
    if found is None:
        raise NotFound("page")
    return found.response(request)


@router.get("/docs/assets/{name}")
async def get_asset(request: Request, name: str) -> Response:
    """A file that the pages use."""
    response = _ASSETS.response(request, name)
    if response is None:
        raise NotFound("file")
    return response


@router.get("/problems")
async def get_problems(request: Request) -> Response:
    """All kinds of problems."""
    return _PROBLEM_INDEX.response(request)


@router.get("/problems/{slug}")
async def get_problem(request: Request, slug: str) -> Response:
    """One kind of problem."""
    page = _PROBLEMS.get(slug)
    if page is None:
        raise NotFound("kind of problem")
    return page.response(request)


router.include_router(_documents)
