"""The ways in which the domain says no. Each has a stable code; none knows an HTTP status."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with the input: a JSON `pointer` into the body, or the name of a query or path `parameter`.

    In a batch, `index` is the place of the operation.
    """

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None
    index: int | None = None


class DomainError(Exception):
    """A refusal that the caller can understand and act on."""

    code = "DOMAIN_ERROR"

    def __init__(self, detail: str, *, code: str | None = None, fields: tuple[FieldError, ...] = ()) -> None:
        self.detail = detail
        self.code = code or type(self).code
        self.fields = fields
        super().__init__(detail)


class Malformed(DomainError):
    """The input cannot be read at all."""

    code = "MALFORMED_REQUEST"


class Invalid(DomainError):
    """The input was read and breaks a rule; `fields` names what and how to mend it."""

    code = "VALIDATION_FAILED"

    def __init__(
        self,
        detail: str = "The request breaks a rule.",
        *,
        code: str | None = None,
        fields: tuple[FieldError, ...] = (),
    ) -> None:
        super().__init__(detail, code=code, fields=fields)


class NotAuthenticated(DomainError):
    """Nobody is known to be calling."""

    code = "NOT_AUTHENTICATED"


class NotAllowed(DomainError):
    """The caller is known, sees the thing, and may not do this to it."""

    code = "NOT_ALLOWED"


class ScopeMissing(NotAllowed):
    """The caller's roles may allow it, but the API key that they show does not carry the scope."""

    code = "INSUFFICIENT_SCOPE"

    def __init__(self, detail: str, scope: str) -> None:
        super().__init__(detail)
        self.scope = scope


class NotFound(DomainError):
    """The thing does not exist, or the caller cannot see it: the same answer for both."""

    code = "NOT_FOUND"

    def __init__(self, kind: str, identity: UUID | str | None = None) -> None:
        super().__init__(f"There is no such {kind}." if identity is None else f"There is no {kind} {identity}.")
        self.kind = kind


class TooManyAttempts(DomainError):
    """The caller has been wrong too often; nothing is looked at for so many seconds."""

    code = "TOO_MANY_ATTEMPTS"

    def __init__(self, detail: str, *, retry_after_seconds: int, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_seconds = retry_after_seconds


class Conflict(DomainError):
    """The request is fine, the present state is not."""

    code = "CONFLICT"


class Gone(DomainError):
    """The thing was there, and was deleted because its time was over."""

    code = "GONE"


class Stale(DomainError):
    """The caller acted on a version that is no longer the current one."""

    code = "PRECONDITION_FAILED"


def invalid(pointer: str, code: str, detail: str) -> Invalid:
    """An Invalid about one member of the body; `pointer` as in RFC 6901 with a leading `#`."""
    return Invalid(detail, fields=(FieldError(code=code, detail=detail, pointer=pointer),))


def invalid_parameter(parameter: str, code: str, detail: str) -> Invalid:
    """An Invalid about one query or path parameter."""
    return Invalid(detail, fields=(FieldError(code=code, detail=detail, parameter=parameter),))
