"""Requests that no route took: unknown paths, methods that a path does not offer, and OPTIONS."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.api.problems import problem, problem_response


async def answer_unrouted(request: Request, error: Exception) -> Response:
    """404 for an unknown path; 405 with `Allow` for a known one; 204 with `Allow` for OPTIONS on it."""
    scope = request.scope
    if not isinstance(error, HTTPException) or error.status_code not in {404, 405}:
        return problem_response(scope, error)
    allowed = scope["route_table"].allowed(scope["path"])
    if not allowed:
        return problem(scope, 404, "NOT_FOUND", "There is nothing at this path.")
    allow = {"Allow": ", ".join(sorted(allowed))}
    if scope["method"] == "OPTIONS":
        return Response(status_code=204, headers=allow)
    return problem(scope, 405, "METHOD_NOT_ALLOWED", f"This path offers {allow['Allow']}.", headers=allow)
