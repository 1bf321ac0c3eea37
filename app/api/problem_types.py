"""The kinds of problems, one for each status: what their pages at `/problems/<slug>` say (RFC 9457 §4)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ProblemType:
    """One kind of problem: its page lives at `/problems/<slug>`."""

    slug: str
    title: str
    explanation: str


TYPES: dict[int, ProblemType] = {
    400: ProblemType(
        "malformed-request",
        "The request cannot be read",
        "The syntax of the body, a header or a cursor is broken. Mend it as `detail` and `errors` say.",
    ),
    401: ProblemType(
        "not-authenticated",
        "You are not authenticated",
        "The request carries no valid access token, or the credentials are wrong. Log in or refresh, and repeat.",
    ),
    403: ProblemType(
        "not-allowed",
        "You may not do this",
        "You are known, but your role does not allow this operation, or your API key lacks the scope that it needs.",
    ),
    404: ProblemType(
        "not-found",
        "There is no such thing",
        "The resource does not exist or is not visible to you; both look the same on purpose.",
    ),
    405: ProblemType(
        "method-not-allowed",
        "The method is not allowed here",
        "The resource exists and does not offer this method. `Allow` lists those that it does.",
    ),
    406: ProblemType(
        "not-acceptable",
        "No acceptable representation",
        "The resource cannot be represented in any media type that `Accept` allows.",
    ),
    408: ProblemType(
        "request-too-slow", "The request arrived too slowly", "The body did not arrive within the time limit."
    ),
    409: ProblemType(
        "conflict",
        "The present state forbids it",
        "The request is fine, but something that exists now is in its way; `detail` says what.",
    ),
    410: ProblemType(
        "gone",
        "This is gone",
        "The version of the interface has been switched off, and `Link` names its successor; or what was here was kept "
        "for a time only, and that is over.",
    ),
    412: ProblemType(
        "precondition-failed",
        "The resource has changed",
        "`If-Match` names a version that is no longer the current one. Read it again, and repeat on the new version.",
    ),
    413: ProblemType("body-too-large", "The body is too large", "The body exceeds the limit for one request."),
    415: ProblemType(
        "unsupported-media-type",
        "The media type is not supported",
        "`Accept-Post` or `Accept-Patch` lists the media types that the resource takes.",
    ),
    422: ProblemType(
        "validation-failed",
        "The request breaks a rule",
        "The request was read, but its content is not allowed; `errors` names each field and how to mend it.",
    ),
    428: ProblemType(
        "precondition-required", "A precondition is required", "This deployment takes changes only with `If-Match`."
    ),
    429: ProblemType(
        "rate-limited",
        "Too many requests",
        "A limit was reached; `RateLimit` names it. `Retry-After` says when the same request will be let in again.",
    ),
    431: ProblemType("headers-too-large", "The headers are too large", "The header section exceeds the limit."),
    500: ProblemType(
        "internal-error", "Something went wrong here", "A fault of the service. It was logged under the request id."
    ),
    503: ProblemType(
        "unavailable",
        "Not available right now",
        "The service or its database cannot answer now. `Retry-After` says when to try again.",
    ),
    504: ProblemType(
        "timeout",
        "The request took too long",
        "The request ran past its time limit. If it was a write, its outcome may be unknown.",
    ),
}


def code_of(kind: ProblemType) -> str:
    """The general code of a problem type, for refusals that have no finer one."""
    return kind.slug.upper().replace("-", "_")
