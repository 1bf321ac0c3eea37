"""The shapes of errors, for the documents of both versions. What fills them is in `problems`."""

import datetime as dt
from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_MOMENT, described

_EXAMPLE_REQUEST = "c0a8012e7f3b4d5e9a1b2c3d4e5f6a7b"
_CODE = Field(
    description="What went wrong, for programs; never changes its meaning.",
    examples=["VALIDATION_FAILED"],
    pattern="^[A-Z][A-Z0-9_]*$",
)
_REQUEST = described("The number of the request, also in `X-Request-Id`.", _EXAMPLE_REQUEST)


class ProblemField(TypedDict):
    """One thing wrong with the request."""

    pointer: NotRequired[Annotated[str, described("Where in the body, as a JSON pointer (RFC 6901).", "#/title")]]
    parameter: NotRequired[Annotated[str, described("Which path or query parameter, if it is not the body.", "limit")]]
    code: Annotated[str, Field(description="What is wrong with it, for programs.", examples=["UNKNOWN_FIELD"])]
    detail: Annotated[str, described("What is wrong with it, for people.", "titel is not known here.")]
    index: NotRequired[Annotated[int, Field(description="In a batch: the place of the operation.", examples=[0], ge=0)]]


class Problem(TypedDict):
    """Problem details (RFC 9457)."""

    type: Annotated[
        str,
        Field(
            description="The kind of problem: the address of a page about it.",
            examples=["/problems/validation-failed"],
            json_schema_extra={"format": "uri-reference"},
        ),
    ]
    title: Annotated[str, described("The kind of problem in words.", "The request breaks a rule")]
    status: Annotated[int, Field(description="The status of the response.", examples=[422], ge=400, le=599)]
    detail: Annotated[str, described("What went wrong this time, for people.", "The request breaks a rule.")]
    instance: Annotated[
        str,
        Field(
            description="This occurrence.",
            examples=[f"/requests/{_EXAMPLE_REQUEST}"],
            json_schema_extra={"format": "uri-reference"},
        ),
    ]
    code: Annotated[str, _CODE]
    request_id: Annotated[str, _REQUEST]
    errors: NotRequired[Annotated[list[ProblemField], Field(description="Each thing that is wrong with the request.")]]


class ErrorBody(TypedDict):
    """What went wrong."""

    code: Annotated[str, _CODE]
    message: Annotated[str, described("What went wrong, for people.", "The request breaks a rule.")]
    timestamp: Annotated[dt.datetime, described("When it went wrong.", EXAMPLE_MOMENT)]
    request_id: Annotated[str, _REQUEST]
    fields: NotRequired[
        Annotated[
            dict[str, str],
            described("What is wrong with each member or parameter.", {"titel": "titel is not known here."}),
        ]
    ]


class ErrorEnvelope(TypedDict):
    """An error as version 1 shows it."""

    error: Annotated[ErrorBody, Field(description="What went wrong.")]
