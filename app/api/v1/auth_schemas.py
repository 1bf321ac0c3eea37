"""The shapes of accounts and tokens, the same in all versions: what clients send, and what they get."""

import datetime as dt
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from pydantic import Field, TypeAdapter, WithJsonSchema
from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_ID, EXAMPLE_MOMENT, FreeText, RequestBody, described
from app.domain.identity.password_policy import MAXIMUM, MINIMUM, MINIMUM_WITH_SECOND_FACTOR
from app.domain.users.user import EMAIL, EMAIL_MAXIMUM, LOCALE, NAME_MAXIMUM

EXAMPLE_PASSWORD = "correct horse battery staple"  # noqa: S105 - an example in the documentation
EXAMPLE_ACCESS_TOKEN = "eyJ0eXAiOiJhdCtqd3QifQ.eyJzdWIiOiIwMTkyIn0.c2lnbmF0dXJl"  # noqa: S105 - as above
EXAMPLE_REFRESH_TOKEN = "R0CkQ50jXOU3GHiAaDUYNcY5fFU-rNp5z7E9fjXxnok"  # noqa: S105 - as above

MAIL_IS_ON_ITS_WAY = "A mail is on its way to this address; it says what to do next."
EXAMPLE_CHALLENGE = "pX3v0bq7nU6kq1cRr5Zt2yWm9sHd8eLfAoGiJkNxTzE"

RoleName = Literal["admin"]
MfaMethod = Literal["totp", "sms", "mail", "recovery_code"]
SentMethod = Literal["sms", "mail"]

# These rules are documented here and enforced by the domain: it tells all faults at once, and how to mend each.
UserName = Annotated[str, WithJsonSchema(TypeAdapter(Annotated[str, FreeText(1, NAME_MAXIMUM)]).json_schema())]
EmailAddress = Annotated[str, Field(json_schema_extra={"minLength": 3, "maxLength": EMAIL_MAXIMUM, "pattern": EMAIL})]
NewPassword = Annotated[
    str, Field(json_schema_extra={"minLength": MINIMUM, "maxLength": MAXIMUM, "format": "password"})
]
NextPassword = Annotated[
    str,
    Field(json_schema_extra={"minLength": MINIMUM_WITH_SECOND_FACTOR, "maxLength": MAXIMUM, "format": "password"}),
]
Timezone = Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": 64})]
Locale = Annotated[str, Field(json_schema_extra={"pattern": LOCALE})]

# What exists already is compared, not judged.
KnownPassword = Annotated[str, Field(min_length=1, max_length=MAXIMUM, json_schema_extra={"format": "password"})]
MailToken = Annotated[str, Field(min_length=1, max_length=256)]
ChallengeToken = Annotated[str, Field(min_length=1, max_length=256)]
MfaCode = Annotated[str, Field(min_length=6, max_length=40)]
KnownEmail = Annotated[str, Field(min_length=1, max_length=EMAIL_MAXIMUM)]

_email = described("The address that you log in with, in ASCII; upper and lower case are the same.", "ann@example.com")
_name = described("What people call you, 1 to 100 characters after trimming.", "Ann Example")
_timezone = described("Name in the IANA time zone database; decides what `today` is.", "Europe/Berlin")
_locale = described("Language tag (BCP 47) of language, script and region.", "de-CH")
_mail_token = described("What stands behind `#token=` in the link of the mail.", EXAMPLE_REFRESH_TOKEN)
_token_delivery: Any = Field(
    "body", description="`cookie` keeps the refresh token in a cookie that no script can read.", examples=["body"]
)
_challenge = described("What the login answered.", EXAMPLE_CHALLENGE)
_method = described("Which of the challenge's `methods` the code belongs to.", "totp")
_code = described("Six digits, or a recovery code.", "492039")
_new_password = described(
    "15 to 256 characters of any kind. Refused are common ones, sequences, repetitions, and your own name or address.",
    EXAMPLE_PASSWORD,
)
_next_password = described(
    "As when registering; with a second factor, 8 characters are enough.", "four unrelated words, or more"
)


class Registration(RequestBody):
    """A new account."""

    email: EmailAddress = _email
    name: UserName = _name
    password: NewPassword = _new_password
    timezone: Timezone = Field("UTC", description=_timezone.description, examples=["Europe/Berlin"])


class Confirmation(RequestBody):
    """What was mailed to the new address, and what its owner has chosen."""

    token: MailToken = _mail_token
    password: KnownPassword = described("The password of the registration.", EXAMPLE_PASSWORD)


class AddressGiven(RequestBody):
    """The address in question."""

    email: EmailAddress = _email


class Login(RequestBody):
    """Who you are, and what proves it."""

    email: KnownEmail = _email
    password: KnownPassword = described("Your password.", EXAMPLE_PASSWORD)
    token_delivery: Literal["body", "cookie"] = _token_delivery


class Refresh(RequestBody):
    """What a login or an earlier refresh gave you."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        None,
        description="The newest refresh token of the session. Not in cookie mode.",
        examples=[EXAMPLE_REFRESH_TOKEN],
    )


class PasswordReset(RequestBody):
    """What was mailed to the address of the account, and the new password."""

    token: MailToken = _mail_token
    new_password: NextPassword = _next_password


class MailedToken(RequestBody):
    """What was mailed to the new address."""

    token: MailToken = _mail_token


class PasswordChange(RequestBody):
    """The old password and the new one."""

    current_password: KnownPassword = described("The password that you have now.", EXAMPLE_PASSWORD)
    new_password: NextPassword = _next_password


class MailIsOnItsWay(TypedDict):
    """The same for every address, whether it has an account or not."""

    detail: Annotated[str, described("What to do next, for people.", MAIL_IS_ON_ITS_WAY)]


class Tokens(TypedDict):
    """What a session works with. Keep both secret, and the refresh token safest: it lives longer."""

    access_token: Annotated[
        str, described("Send it as `Authorization: Bearer …`. Opaque to clients.", EXAMPLE_ACCESS_TOKEN)
    ]
    token_type: Annotated[Literal["Bearer"], described("Always Bearer (RFC 6750).", "Bearer")]
    expires_in: Annotated[int, described("For how many seconds the access token is good.", 900)]
    refresh_token: Annotated[str, described("Good for one refresh, which replaces it.", EXAMPLE_REFRESH_TOKEN)]
    refresh_expires_in: Annotated[int, described("For how many seconds the refresh token is good.", 1_209_600)]


class CookieTokens(TypedDict):
    """The same for a page in cookie mode. The refresh token is in the cookie `__Host-todo_refresh`."""

    access_token: Annotated[str, described("To be kept in memory, where it ends with the page.", EXAMPLE_ACCESS_TOKEN)]
    token_type: Annotated[Literal["Bearer"], described("Always Bearer (RFC 6750).", "Bearer")]
    expires_in: Annotated[int, described("For how many seconds the access token is good.", 900)]
    csrf_token: Annotated[
        str, described("Send it as `X-CSRF-Token` when you refresh or log out by the cookie.", EXAMPLE_REFRESH_TOKEN)
    ]
    refresh_expires_in: Annotated[int, described("For how many seconds the cookie is good.", 1_209_600)]


class MfaProof(RequestBody):
    """The second step of a login."""

    challenge: ChallengeToken = _challenge
    method: MfaMethod = _method
    code: MfaCode = _code
    token_delivery: Literal["body", "cookie"] = _token_delivery


class MfaSending(RequestBody):
    """Which code to send."""

    challenge: ChallengeToken = _challenge
    method: SentMethod = described("How to send it: one of the challenge's `methods`.", "sms")


class MfaChallenge(TypedDict):
    """The password was right, and a second factor has to be proved. This is no token: it opens nothing by itself."""

    mfa_required: Annotated[Literal[True], described("Always true.", True)]
    challenge: Annotated[str, described("For the second step, once.", EXAMPLE_CHALLENGE)]
    expires_in: Annotated[int, described("For how many seconds it is good.", 300)]
    methods: Annotated[list[MfaMethod], described("What can be proved.", ["totp", "recovery_code"])]


class CodeSent(TypedDict):
    """A code was sent, if it could be."""

    expires_in: Annotated[int, described("For how many seconds it is good.", 600)]
    resend_after: Annotated[int, described("After how many seconds the next one can be sent.", 30)]


class AccountLinks(TypedDict):
    """Where to go from here; what changes or ends something takes a POST."""

    self: Annotated[str, described("Your own account.", "/api/v2/me")]
    sessions: Annotated[str, described("Where you are logged in.", "/api/v2/me/sessions")]
    api_keys: NotRequired[Annotated[str, described("The keys of your programs; in version 2.", "/api/v2/me/api-keys")]]
    mfa: NotRequired[Annotated[str, described("Your second factors; in version 2.", "/api/v2/me/mfa")]]
    teams: Annotated[str, described("The teams that you belong to.", "/api/v2/teams")]
    todos: Annotated[str, described("The todos that you see.", "/api/v2/todos")]
    change_email: Annotated[str, described("Have another address.", "/api/v2/me/email")]
    log_in: Annotated[str, described("Open a session.", "/api/v2/auth/login")]
    log_out: Annotated[str, described("End this session.", "/api/v2/auth/logout")]
    log_out_everywhere: Annotated[str, described("End all your sessions.", "/api/v2/auth/logout-all")]
    change_password: Annotated[str, described("Choose another password.", "/api/v2/auth/password/change")]


class UserFields(TypedDict):
    """What all representations of a user have in common."""

    id: Annotated[UUID, described("Never changes.", EXAMPLE_ID)]
    email: Annotated[str, described("The address that they log in with, as they wrote it.", "ann@example.com")]
    name: Annotated[str, described("What they call themselves.", "Ann Example")]
    roles: Annotated[list[RoleName], described("Roles in the whole service; most people have none.", [])]
    is_active: Annotated[bool, described("Whether they may come in.", True)]
    timezone: Annotated[str, _timezone]
    locale: Annotated[str, _locale]
    email_verified_at: Annotated[
        dt.datetime | None, described("When the address was confirmed; null while it is not.", None)
    ]
    version: Annotated[int, described("Rises by one with each change.", 1)]
    created_at: Annotated[dt.datetime, described("When the account was made.", EXAMPLE_MOMENT)]
    updated_at: Annotated[dt.datetime, described("When it last changed.", EXAMPLE_MOMENT)]


class Account(UserFields):
    """Your own account."""

    links: Annotated[AccountLinks, described("Related resources, and what you can do.", {"self": "/api/v2/me"})]
