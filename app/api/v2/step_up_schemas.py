"""The shapes of step-up."""

import datetime as dt
from typing import Annotated

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_MOMENT, RequestBody, described
from app.api.v1.auth_schemas import EXAMPLE_PASSWORD, KnownPassword, MfaCode, MfaMethod


class StepUp(RequestBody):
    """What proves who you are: the password, or a method and a code of it if you have a second factor."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"password": EXAMPLE_PASSWORD}]})

    password: KnownPassword | None = Field(
        None, description="Your password, if you have no second factor.", examples=[EXAMPLE_PASSWORD]
    )
    method: MfaMethod | None = Field(None, description="Which of your factors the code belongs to.", examples=["totp"])
    code: MfaCode | None = Field(None, description="Six digits, or a recovery code.", examples=["492039"])


class Fresh(TypedDict):
    """A session that was just proved."""

    fresh_until: Annotated[dt.datetime, described("Until when sensitive operations take it.", EXAMPLE_MOMENT)]
