"""Your second factors: setting them up, seeing them, taking them away."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, ServicesHere
from app.api.responses import document, no_content
from app.api.routing import ApiRoute
from app.api.v1.auth_documents import CODE_SENT
from app.api.v1.auth_schemas import CodeSent, SentMethod
from app.api.v2 import second_factor_documents as documents
from app.api.v2 import second_factor_schemas as wire
from app.domain.identity import enrolment, queries
from app.domain.second_factors.factor import Method
from app.rate_limits.declarations import limiter

router = APIRouter(prefix="/me/mfa", tags=["me"], route_class=ApiRoute)


@router.get("", response_model=wire.Mfa, summary="List your second factors")
async def get_my_mfa(caller: CurrentCaller, services: ServicesHere) -> Response:
    """Shows what a login asks for besides your password, and how many recovery codes are left. Nothing secret."""
    mine = await queries.second_factors(services.database.reader, services.factor_keys, caller)
    return document(documents.mfa_document(mine))


@router.post("/totp", response_model=wire.Authenticator, responses={429: {}}, summary="Set up an authenticator")
async def begin_totp(body: wire.PasswordProof, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Makes a secret for an authenticator application, as text, as a link and as a QR code; shown this once.

    It counts once you confirm it with a code, within 30 minutes; until then nothing changes. Takes a fresh session
    (401, `STEP_UP_REQUIRED`) and your password.
    """
    made = await enrolment.begin_totp(
        services.database, services.authority, services.factor_keys, caller, password=body.password
    )
    return document(documents.authenticator_document(made))


@router.post("/sms", status_code=202, response_model=CodeSent, responses={429: {}}, summary="Set up codes by SMS")
async def begin_sms(body: wire.PhoneProof, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Sends a code to a telephone; it counts once you confirm it with that code, within ten minutes.

    Takes a fresh session (401, `STEP_UP_REQUIRED`) and your password. Send it again for another code: half a minute
    later, and ten times a day at most (else 429). Numbers can be taken over, and text messages be read on their way:
    an authenticator is safer.
    """
    await enrolment.begin_sms(
        services.database,
        services.authority,
        services.factor_keys,
        caller,
        password=body.password,
        phone_number=body.phone_number,
    )
    return document(CODE_SENT, status=202)


@router.post("/mail", status_code=202, response_model=CodeSent, responses={429: {}}, summary="Set up codes by mail")
async def begin_mail(body: wire.PasswordProof, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Sends a code to the address of your account; it counts once you confirm it with that code, within ten minutes.

    Takes a fresh session (401, `STEP_UP_REQUIRED`) and your password. Whoever reads your mail has this factor, and can
    have your password reset: the other kinds are safer.
    """
    await enrolment.begin_mail(
        services.database, services.authority, services.factor_keys, caller, password=body.password
    )
    return document(CODE_SENT, status=202)


@router.post(
    "/{method}/confirm", response_model=wire.ConfirmedFactor, responses={429: {}}, summary="Confirm a second factor"
)
async def confirm_factor(
    method: wire.FactorMethod, body: wire.Confirmation, caller: CurrentCaller, services: ServicesHere
) -> Response:
    """Makes a factor that you have set up count: from now on logins and step-ups ask for it.

    It takes the place of the one of its kind that you had. Ten recovery codes come with the first factor, shown this
    once. A wrong code is a 401 (`WRONG_CODE`), and after five within fifteen minutes the answer is 429.
    """
    confirmed = await enrolment.confirm(services.database, services.factor_keys, caller, Method(method), body.code)
    return document(documents.confirmed_document(confirmed))


@router.post(
    "/{method}/send", status_code=202, response_model=CodeSent, responses={429: {}}, summary="Send yourself a code"
)
async def send_my_code(method: SentMethod, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Sends a code of a factor that you have, for a step-up; the one before is worth nothing from then on.

    The answer says nothing about whether it arrives.
    """
    await enrolment.send_code(services.database, services.factor_keys, caller, Method(method))
    return document(CODE_SENT, status=202)


@router.post("/recovery-codes", response_model=wire.RecoveryCodes, summary="Make new recovery codes")
@limiter.limit("10/hour")
async def make_recovery_codes(
    request: Request,  # noqa: ARG001 - slowapi's decorator asks for it
    caller: CurrentCaller,
    services: ServicesHere,
) -> Response:
    """Ten new recovery codes, shown this once; the older ones are worth nothing from now on.

    Takes a fresh session (401, `STEP_UP_REQUIRED`); without a second factor it is a 409. A mail tells of them, so you
    can ask ten times an hour.
    """
    made = await enrolment.make_recovery_codes(services.database, services.factor_keys, caller)
    codes: wire.RecoveryCodes = {"recovery_codes": made}
    return document(codes)


@router.delete("/totp", status_code=204, summary="Remove your authenticator")
async def remove_totp(caller: CurrentCaller, services: ServicesHere) -> Response:
    """Logins take no codes of the application any more. With the last factor the recovery codes are gone, too.

    Takes a session that was freshly proved with a second factor (401, `STEP_UP_REQUIRED`). If your password is one that
    only accounts with a second factor may have, the last one stays until you choose another (409,
    `PASSWORD_NEEDS_FACTOR`).
    """
    await enrolment.remove(services.database, services.factor_keys, caller, Method.TOTP)
    return no_content()


@router.delete("/sms", status_code=204, summary="Remove codes by SMS")
async def remove_sms(caller: CurrentCaller, services: ServicesHere) -> Response:
    """No codes are sent to your telephone any more, and its number is forgotten. As with an authenticator otherwise."""
    await enrolment.remove(services.database, services.factor_keys, caller, Method.SMS)
    return no_content()


@router.delete("/mail", status_code=204, summary="Remove codes by mail")
async def remove_mail(caller: CurrentCaller, services: ServicesHere) -> Response:
    """No codes are sent to your address any more. As with an authenticator otherwise."""
    await enrolment.remove(services.database, services.factor_keys, caller, Method.MAIL)
    return no_content()
