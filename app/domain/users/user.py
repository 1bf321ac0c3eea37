"""A person's account as the domain sees it, and the rules that its fields keep.

Knows what an address, a name, a time zone and a language look like. Refuses to know passwords and sessions.
"""

import re
from datetime import datetime
from functools import cache
from importlib.resources import files

from msgspec import UNSET, Struct, UnsetType

from app.domain import names
from app.domain.errors import Stale, invalid
from app.domain.ids import UserId
from app.domain.users.caller import ADMINISTRATOR

NAME_MAXIMUM = 100
EMAIL_MAXIMUM = 254
ROLES = frozenset({ADMINISTRATOR})

# What browsers accept in <input type=email> (https://html.spec.whatwg.org/#valid-e-mail-address), with at least one
# dot in the domain. ASCII only, so that two addresses which look alike are alike.
_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
EMAIL = rf"^[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})+$"
# Language, script and region of BCP 47; variants, extensions and private use choose nothing here.
LOCALE = "^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"

_EMAIL = re.compile(EMAIL)
_LOCALE = re.compile(LOCALE)


class User(Struct, frozen=True):
    """One account. `version` grows by one with each change that shows here."""

    id: UserId
    email: str
    name: str
    roles: list[str]
    is_active: bool
    timezone: str
    locale: str
    email_verified_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class ProfileChange(Struct, frozen=True):
    """What people change about themselves; what is UNSET stays."""

    name: str | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    locale: str | UnsetType = UNSET


def checked_name(name: str) -> str:
    """`name` as it is stored: one line, trimmed, 1-100 characters. Raises Invalid about #/name."""
    return names.checked_name(name, maximum=NAME_MAXIMUM)


def checked_email(email: str) -> str:
    """`email` itself. Raises Invalid about #/email unless it is an address such as ann@example.com."""
    if len(email) > EMAIL_MAXIMUM or not _EMAIL.fullmatch(email):
        rule = f"email must be an address such as ann@example.com, in ASCII, of at most {EMAIL_MAXIMUM} characters."
        raise invalid("#/email", "EMAIL_FORMAT", rule)
    return email


def checked_timezone(timezone: str) -> str:
    """`timezone` itself. Raises Invalid about #/timezone unless it is a name of the IANA time zone database."""
    if timezone not in timezones():
        rule = "timezone must be a name of the IANA time zone database, such as Europe/Berlin, in its exact spelling."
        raise invalid("#/timezone", "UNKNOWN_TIMEZONE", rule)
    return timezone


def checked_locale(locale: str) -> str:
    """`locale` itself. Raises Invalid about #/locale unless it looks like `de`, `pt-BR` or `zh-Hant-TW`."""
    if not _LOCALE.fullmatch(locale):
        rule = "locale must be a language tag (BCP 47) of language, script and region, such as en, pt-BR or zh-Hant-TW."
        raise invalid("#/locale", "LOCALE_FORMAT", rule)
    return locale


def checked_roles(roles: list[str]) -> list[str]:
    """`roles` without repetitions, sorted. Raises Invalid about #/roles if one does not exist."""
    if unknown := set(roles) - ROLES:
        known = ", ".join(sorted(ROLES))
        raise invalid("#/roles", "UNKNOWN_ROLE", f"roles holds {len(unknown)} unknown; known are: {known}.")
    return sorted(set(roles))


@cache
def timezones() -> frozenset[str]:
    """The names of the IANA time zone database, as the tzdata package lists them: the same on every machine."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split()) - {"Factory"}


def require_version(user: User, expected: frozenset[int] | None) -> None:
    """Raises Stale unless `user` is at one of the versions that the caller acts on; None stands for any."""
    if expected is not None and user.version not in expected:
        raise Stale(f"The user is at version {user.version}; read it again and repeat the change on that.")
