"""The shapes of deleting an account."""

import datetime as dt
from typing import Annotated

from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_MOMENT, RequestBody, described
from app.api.v1.auth_schemas import EXAMPLE_REFRESH_TOKEN, MailToken


class Cancellation(RequestBody):
    """What was mailed to the address of the account."""

    token: MailToken = described("What stands behind `#token=` in the link of the mail.", EXAMPLE_REFRESH_TOKEN)


class DeletionScheduled(TypedDict):
    """An account that is closed, and will be erased."""

    deletion_scheduled_at: Annotated[dt.datetime, described("When it is erased, unless called off.", EXAMPLE_MOMENT)]
