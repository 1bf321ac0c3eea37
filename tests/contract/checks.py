"""What must be true of every answer besides schemathesis' own checks."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema_rs
import schemathesis
from schemathesis import Case, CheckContext, CheckFunction, Response

# 400 and 422 for a request that keeps to the document: rules that a schema cannot express. Version 1 shows no codes
# for fields, so each has a part of its sentence as well.
BEYOND_SCHEMAS = {
    "ADDRESS_FORMAT": "must be an IP address",
    "CURSOR_MISMATCH": "The cursor was not made by this service",
    "MISSING": "is needed where there is no cookie with it",
    "ONE_PROOF": "Send either password, or method and code",
    "NOT_A_MEMBER": "must be a member of the todo's team",
    "PASSWORD_IS_A_SEQUENCE": "is made of sequences",
    "PASSWORD_IS_PERSONAL": "is made of your name",
    "PASSWORD_REPEATS": "is a short text repeated",
    "PASSWORD_TOO_SHORT": "must have at least 15 characters",
    "PASSWORD_TOO_COMMON": "is one of the most common ones",
    "PASSWORD_UNCHANGED": "must differ from current_password",
    "SCOPE_BEYOND_ROLE": "scopes must be of what you may do yourself",
    "SUBJECT_KIND_NEEDED": "subject_id needs subject_kind beside it",
    "SUBTASK_OF_SUBTASK": "subtask",
    "UNKNOWN_METHOD": "must be one of yours that codes are sent for",
    "UNKNOWN_ACCOUNT": "must be the address of an active account",
    "UNKNOWN_PARENT": "must be another todo of the same team",
    "UNKNOWN_PROJECT": "must be a project of the todo's team",
    "UNKNOWN_TAG": "must be another tag of the same team",
    "UNKNOWN_TEAM": "must be one of your teams",
    "UNKNOWN_TIMEZONE": "must be a name of the IANA time zone database",
}
# Response headers that mean something to clients. What every answer has for browsers and caches is not documented.
TELLING = {
    "accept-patch",
    "accept-post",
    "deprecation",
    "etag",
    "link",
    "location",
    "preference-applied",
    "retry-after",
    "sunset",
    "www-authenticate",
    "x-request-id",
}


@schemathesis.check
def valid_data_is_refused_for_a_reason_beyond_schemas(
    _context: CheckContext, response: Response, case: Case[Any]
) -> bool | None:
    """A request that keeps to the document is refused only under a rule that no schema can express."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in {400, 422}:
        return True
    content = response.json()
    if "error" in content:
        sentences = content["error"].get("fields", {"": content["error"]["message"]}).values()
        unexplained = [one for one in sentences if not any(part in one for part in BEYOND_SCHEMAS.values())]
    else:
        codes = {error["code"] for error in content.get("errors", ())} or {content["code"]}
        unexplained = sorted(codes - set(BEYOND_SCHEMAS))
    assert not unexplained, f"{response.status_code} for {unexplained}: {response.text}"
    return None


@schemathesis.check
def telling_headers_are_documented(_context: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """Every header that means something to clients is documented where it occurs."""
    definition = case.operation.responses.find_by_status_code(response.status_code)
    if definition is None or response.request.method != case.operation.method.upper():
        return True
    documented: dict[str, Any] = dict((definition.headers or {}).items())
    untold = TELLING & set(response.headers) - {name.lower() for name in documented}
    assert not untold, f"{response.status_code} has undocumented headers: {sorted(untold)}"
    return None


@schemathesis.check
def whole_answers_are_whole(_context: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """Where an answer may be cut down by `fields`, it is the whole resource if nobody asked for that."""
    definition = case.operation.definition.raw["responses"].get(str(response.status_code), {})
    choices = definition.get("content", {}).get("application/json", {}).get("schema", {}).get("anyOf")
    if choices is None or "fields" in parse_qs(urlsplit(str(response.request.url)).query, keep_blank_values=True):
        return True
    whole = {**choices[0], "components": case.operation.schema.raw_schema["components"]}
    faults = [error.message for error in jsonschema_rs.Draft202012Validator(whole).iter_errors(response.json())]
    assert not faults, faults
    return None


CHECKS: list[CheckFunction] = [
    telling_headers_are_documented,
    valid_data_is_refused_for_a_reason_beyond_schemas,
    whole_answers_are_whole,
]
