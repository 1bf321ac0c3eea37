"""Ways through the service that have to do with secrets, one function for each; a new feature adds its own.

Each does what a client does, right and wrong, and says of every secret that it sends or is given that it is one.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any

from app.domain.second_factors import totp
from tests.authenticators import a_number
from tests.security.canaries import MAIL_DOMAIN, Visit


def registering(visit: Visit) -> tuple[str, str]:
    """Somebody new; their address and their password."""
    email = f"{visit.personal('mail')}@{MAIL_DOMAIN}"
    password = visit.secret("password")
    body = {"email": email, "name": visit.personal("name"), "password": password, "timezone": "UTC"}
    visit.done("POST", "/auth/register", body)
    token = visit.mailed_token(email)
    visit.ask("POST", "/auth/email/verify", {"token": token, "password": visit.secret("wrong")})
    visit.done("POST", "/auth/email/verify", {"token": token, "password": password})
    visit.ask("POST", "/auth/email/resend", {"email": email})
    return email, password


def refused_registrations(visit: Visit) -> None:
    """Passwords that are refused, by rules and by broken bodies."""
    body = {"email": f"x@{MAIL_DOMAIN}", "name": "x", "password": visit.secret("long") * 20, "timezone": "No/Where"}
    assert visit.ask("POST", "/auth/register", body).status_code == 422
    broken = f'{{"email": "x@{MAIL_DOMAIN}", "password": "{visit.secret("broken")}", '
    answer = visit.http.post("/api/v2/auth/register", content=broken, headers={"Content-Type": "application/json"})
    visit.refusals.append(answer.text)
    visit.ask("POST", "/auth/register", {"password": [visit.secret("list")], "email": {"a": visit.secret("object")}})


def logins(visit: Visit) -> None:
    """Right and wrong passwords, and a password where a name is expected."""
    email, password = registering(visit)
    tokens = visit.log_in(email, password)
    assert visit.ask("POST", "/auth/login", {"email": email, "password": visit.secret("wrong")}).status_code == 401
    visit.ask("POST", "/auth/login", {"email": visit.personal("password as mail"), "password": password})
    visit.http.get("/api/v2/auth/login", params={"password": visit.secret("in the query")})
    # A path that no route takes is logged, but for what looks like a token.
    visit.http.get(f"/api/v2/auth/login/{tokens['access_token']}")


def refreshing(visit: Visit) -> None:
    """Rotation, repetition, and refresh tokens where none belong."""
    tokens = visit.log_in(*registering(visit))
    for _ in range(2):
        visit.tokens(visit.done("POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]}))
    visit.ask("GET", "/me", token=tokens["refresh_token"])
    visit.ask("POST", "/auth/refresh", {"refresh_token": visit.secret("never issued")})
    visit.ask("GET", "/me", token=visit.secret("spoilt", tokens["access_token"][:-6] + "AAAAAA"))


def passwords(visit: Visit) -> None:
    """A change of password, and changes that are refused."""
    email, password = registering(visit)
    token = visit.log_in(email, password)["access_token"]
    chosen = visit.secret("new password")
    wrong = {"current_password": visit.secret("wrong"), "new_password": chosen}
    assert visit.ask("POST", "/auth/password/change", wrong, token=token).status_code in {401, 429}
    right = {"current_password": password, "new_password": chosen}
    visit.done("POST", "/auth/password/change", right, token=token)
    visit.log_in(email, chosen)


def stepping_up(visit: Visit) -> None:
    """The password once more, right and wrong."""
    email, password = registering(visit)
    token = visit.log_in(email, password)["access_token"]
    visit.ask("POST", "/auth/step-up", {"password": visit.secret("wrong")}, token=token)
    visit.done("POST", "/auth/step-up", {"password": password}, token=token)


def forgetting(visit: Visit) -> None:
    """A password that is forgotten, replaced by mail."""
    email, _ = registering(visit)
    visit.done("POST", "/auth/password/forgot", {"email": email})
    token, chosen = visit.mailed_token(email), visit.secret("new password")
    visit.ask("POST", "/auth/password/reset", {"token": token, "new_password": email})
    visit.ask("POST", "/auth/password/reset", {"token": visit.secret("never mailed"), "new_password": chosen})
    visit.done("POST", "/auth/password/reset", {"token": token, "new_password": chosen})
    visit.ask("POST", "/auth/password/reset", {"token": token, "new_password": visit.secret("too late")})
    visit.log_in(email, chosen)


def moving(visit: Visit) -> None:
    """Another address, confirmed by mail."""
    token = visit.log_in(*registering(visit))["access_token"]
    email = f"{visit.personal('new mail')}@{MAIL_DOMAIN}"
    visit.done("POST", "/me/email", {"email": email}, token=token)
    mailed = visit.mailed_token(email)
    visit.ask("POST", "/me/email/verify", {"token": visit.secret("never mailed")}, token=token)
    visit.done("POST", "/me/email/verify", {"token": mailed}, token=token)


def leaving(visit: Visit) -> None:
    """An account that is to be deleted, and is not after all."""
    email, password = registering(visit)
    visit.done("DELETE", "/me", token=visit.log_in(email, password)["access_token"])
    visit.ask("POST", "/auth/login", {"email": email, "password": password})
    first = visit.mailed_token(email)
    visit.done("POST", "/auth/deletion/resend", {"email": email})
    visit.ask("POST", "/auth/deletion/cancel", {"token": visit.secret("never mailed")})
    visit.done("POST", "/auth/deletion/cancel", {"token": visit.mailed_token(email)})
    visit.ask("POST", "/auth/deletion/cancel", {"token": first})
    visit.log_in(email, password)


def authenticators(visit: Visit) -> None:
    """An authenticator application and its recovery codes, proved right and wrong, replaced and taken away."""
    email, password = registering(visit)
    token = visit.log_in(email, password)["access_token"]
    visit.ask("POST", "/me/mfa/totp", {"password": visit.secret("wrong")}, token=token)
    made = visit.done("POST", "/me/mfa/totp", {"password": password}, token=token)
    secret = visit.secret("totp secret", made["secret"])
    now = int(time.time()) // totp.STEP_SECONDS
    first, second = (visit.secret("totp code", totp.code_at(secret, now + step)) for step in (0, 1))
    visit.ask("POST", "/me/mfa/totp/confirm", {"code": _spoilt(visit, first)}, token=token)
    recovery = _recovery_codes(visit, visit.done("POST", "/me/mfa/totp/confirm", {"code": first}, token=token))

    challenge = _challenge(visit, email, password)
    for code in (_spoilt(visit, second), secret, recovery[0]):
        visit.ask("POST", "/auth/mfa/verify", {"challenge": challenge, "method": "totp", "code": code})
    visit.ask("GET", "/me", token=challenge)
    proof = {"challenge": challenge, "method": "totp", "code": second}
    token = visit.tokens(visit.done("POST", "/auth/mfa/verify", proof))["access_token"]
    visit.ask("POST", "/auth/mfa/verify", proof)

    visit.done("POST", "/auth/step-up", {"method": "recovery_code", "code": recovery[1]}, token=token)
    visit.ask("POST", "/auth/step-up", {"method": "recovery_code", "code": recovery[1]}, token=token)
    recovery = _recovery_codes(visit, visit.done("POST", "/me/mfa/recovery-codes", token=token))
    proof = {"challenge": _challenge(visit, email, password), "method": "recovery_code", "code": recovery[0].upper()}
    visit.tokens(visit.done("POST", "/auth/mfa/verify", proof))
    visit.done("DELETE", "/me/mfa/totp", token=token)
    # One that nobody confirms.
    visit.secret("totp secret", visit.done("POST", "/me/mfa/totp", {"password": password}, token=token)["secret"])


def telephones(visit: Visit) -> None:
    """Codes by SMS and by mail, for setting them up, for a login and for a step-up."""
    email, password = registering(visit)
    token = visit.log_in(email, password)["access_token"]
    number = visit.secret("telephone number", a_number())
    visit.ask("POST", "/me/mfa/sms", {"password": password, "phone_number": f"{number} {number}"}, token=token)
    visit.done("POST", "/me/mfa/sms", {"password": password, "phone_number": number}, token=token)
    code = visit.sent_code(number)
    visit.ask("POST", "/me/mfa/sms/confirm", {"code": _spoilt(visit, code)}, token=token)
    _recovery_codes(visit, visit.done("POST", "/me/mfa/sms/confirm", {"code": code}, token=token))
    visit.done("POST", "/me/mfa/mail", {"password": password}, token=token)
    visit.done("POST", "/me/mfa/mail/confirm", {"code": visit.sent_code(email)}, token=token)
    visit.done("GET", "/me/mfa", token=token)

    challenge = _challenge(visit, email, password)
    visit.done("POST", "/auth/mfa/send", {"challenge": challenge, "method": "sms"})
    proof = {"challenge": challenge, "method": "sms", "code": visit.sent_code(number)}
    token = visit.tokens(visit.done("POST", "/auth/mfa/verify", proof))["access_token"]
    visit.done("POST", "/me/mfa/mail/send", token=token)
    visit.done("POST", "/auth/step-up", {"method": "mail", "code": visit.sent_code(email)}, token=token)


def api_keys(visit: Visit) -> None:
    """A key for a program: shown once, used, replaced and revoked."""
    token = visit.log_in(*registering(visit))["access_token"]
    made = visit.done("POST", "/me/api-keys", {"name": "canary", "scopes": ["todos:read"]}, token=token)
    key = visit.secret("api key", made["token"])
    visit.done("GET", "/todos", token=key)
    visit.ask("POST", "/todos", {"title": "x"}, token=key)
    visit.secret("rotated api key", visit.done("POST", f"/me/api-keys/{made['id']}/rotate", token=token)["token"])
    visit.ask("GET", "/todos", token=visit.secret("spoilt api key", key[:-4] + "0000"))


def todos(visit: Visit) -> None:
    """Texts that are nobody else's business, stored, listed, searched for and refused."""
    token = visit.log_in(*registering(visit))["access_token"]
    title = visit.personal("title")
    todo = visit.done("POST", "/todos", {"title": title, "tags": [visit.personal("tag")[:40]]}, token=token)
    for path in (f"/todos/{todo['id']}", "/todos", f"/todos?q={title}", f"/todos?cursor={visit.personal('cursor')}"):
        visit.ask("GET", path, token=token)
        visit.ask("GET", path, token=token)
    visit.ask("PATCH", f"/todos/{todo['id']}", {"title": visit.personal("long") * 20}, token=token)
    visit.ask("GET", f"/todos/{visit.personal('id')}", token=token)


def _challenge(visit: Visit, email: str, password: str) -> str:
    answer = visit.done("POST", "/auth/login", {"email": email, "password": password})
    return visit.secret("challenge", answer["challenge"])


def _recovery_codes(visit: Visit, document: dict[str, Any]) -> list[str]:
    return [visit.secret("recovery code", code) for code in document["recovery_codes"]]


def _spoilt(visit: Visit, code: str) -> str:
    """Another code of six digits, which is as secret: a typing error tells nearly all of the right one."""
    return visit.secret("wrong code", f"{(int(code) + secrets.randbelow(900_000) + 1) % 1_000_000:06}")


# What is walked through, and the operations that it takes.
FLOWS: dict[Callable[[Visit], object], set[str]] = {
    registering: {"register", "verify_registration"},
    refused_registrations: {"register"},
    logins: {"log_in"},
    refreshing: {"refresh_tokens"},
    passwords: {"change_password"},
    stepping_up: {"step_up"},
    forgetting: {"forgot_password", "reset_password"},
    moving: {"change_my_email", "verify_my_email"},
    leaving: {"cancel_deletion"},
    authenticators: {"begin_totp", "confirm_factor", "verify_mfa", "make_recovery_codes"},
    telephones: {"begin_sms", "begin_mail", "send_mfa_code", "send_my_code"},
    api_keys: {"create_my_api_key", "rotate_my_api_key"},
    todos: {"create_todo"},
}


def walk(visit: Visit) -> None:
    """Goes through all flows."""
    for flow in FLOWS:
        flow(visit)
