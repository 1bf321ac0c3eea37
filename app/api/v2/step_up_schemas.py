"""The shapes of step-up."""

import datetime as dt
from typing import Annotated

from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_MOMENT, RequestBody, described
from app.api.v1.auth_schemas import EXAMPLE_PASSWORD, KnownPassword


class StepUp(RequestBody):
    """What proves who you are."""

    password: KnownPassword = described("Your password.", EXAMPLE_PASSWORD)


class Fresh(TypedDict):
    """A session that was just proved."""

    fresh_until: Annotated[dt.datetime, described("Until when sensitive operations take it.", EXAMPLE_MOMENT)]
