"""Secrets that nothing else looks like, whoever goes through the service with them, and the search for them."""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from tests.security.operations import Operation, operations, resolved

MAIL_DOMAIN = "canary.example.com"
_SIX_DIGITS = re.compile("[0-9]{6}")
# A number by itself: not the fraction of a second, and not a part of an id, of a digest or of a longer number.
_NUMBER = re.compile(rb"(?<![0-9A-Za-z.])[0-9]{6}(?![0-9A-Za-z])")


@dataclass
class Visit:
    """Somebody's way through the service, and what must never be seen of it."""

    http: httpx.Client
    # What matches a pattern in the next message to a recipient that has it, once that has arrived.
    arrived: Callable[[str, str], str]
    # Never in the clear, anywhere.
    secrets: dict[str, str] = field(default_factory=dict)
    # In the database and in kept answers, and nowhere else.
    private: dict[str, str] = field(default_factory=dict)
    # Bodies of refusals: what a client sees, and its logs.
    refusals: list[str] = field(default_factory=list)
    number: int = 0

    def secret(self, name: str, value: str | None = None) -> str:
        """A secret that is given, or a new one that could be a password."""
        self.number += 1
        made = value or f"canary {secrets.token_hex(12)} of the mine"
        self.secrets[f"{name} {self.number}"] = made
        return made

    def personal(self, name: str, value: str | None = None) -> str:
        """What is nobody's business, though it is no secret."""
        self.number += 1
        made = value or f"canary{secrets.token_hex(12)}"
        self.private[f"{name} {self.number}"] = made
        return made

    def mailed_token(self, email: str) -> str:
        """The token in the next mail to this address that has one."""
        return self.secret("mailed token", self.arrived(email, r"#token=(\S+)"))

    def sent_code(self, recipient: str) -> str:
        """The code in the next message to this recipient that has one."""
        return self.secret("sent code", self.arrived(recipient, r"^([0-9]{6}) is your code"))

    def ask(self, method: str, path: str, body: Any = None, *, token: str = "", **headers: str) -> httpx.Response:
        """The answer; if it is a refusal, its body is kept for the search."""
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        answer = self.http.request(method, f"/api/v2{path}", json=body, headers=headers)
        if answer.status_code >= 400:
            self.refusals.append(f"{answer.text} {answer.headers}")
        return answer

    def done(self, method: str, path: str, body: Any = None, *, token: str = "") -> Any:
        """The document that is answered, which must be no refusal; None where there is none."""
        answer = self.ask(method, path, body, token=token)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None

    def log_in(self, email: str, password: str) -> dict[str, str]:
        """Tokens, each of them a secret."""
        return self.tokens(self.done("POST", "/auth/login", {"email": email, "password": password}))

    def tokens(self, document: dict[str, str]) -> dict[str, str]:
        """The tokens that are in the document, each of them a secret from now on."""
        for name in ("access_token", "refresh_token"):
            self.secret(name, document[name])
        return document


def spellings(secret: str) -> Iterator[bytes]:
    """What a secret looks like in the clear, or in what is no better than that."""
    raw = secret.encode()
    for plain in (raw, *_decoded(secret)):
        yield plain
        yield plain.hex().encode()
        yield plain.hex().upper().encode()
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # Base64 of a longer text that holds it differs with the place: by what the first two bytes do.
            for shift in range(3):
                yield encode(b"\x00" * shift + plain)[4 if shift else 0 :].rstrip(b"=")[:-2]
    yield quote(secret).encode()
    yield quote(secret, safe="").encode()
    yield raw[::-1]
    yield secret.encode("utf-16-le")


def _decoded(secret: str) -> Iterator[bytes]:
    """What a secret is that people type in groups, or that stands for bytes in base32."""
    bare = re.sub("[+ -]", "", secret)
    if bare != secret:
        yield bare.encode()
    if re.fullmatch("([a-z2-7]{8}){2,}|([A-Z2-7]{8}){2,}", bare):
        yield base64.b32decode(bare.upper())


def found_in(evidence: bytes, wanted: dict[str, str]) -> list[str]:
    """The names of what can be read in it.

    Of six digits also what anybody finds out in a second: digests without a key.
    """
    numbers = {match[0] for match in _NUMBER.finditer(evidence)}
    return [name for name, value in wanted.items() if _is_in(evidence, numbers, value)]


def _is_in(evidence: bytes, numbers: set[bytes], value: str) -> bool:
    if not _SIX_DIGITS.fullmatch(value):
        return any(each in evidence for each in spellings(value))
    raw = value.encode()
    digests = [hashlib.new(name, raw, usedforsecurity=False) for name in ("md5", "sha1", "sha256", "sha512")]
    return raw in numbers or any(each.digest() in evidence or each.hexdigest().encode() in evidence for each in digests)


def secretive() -> set[str]:
    """The ids of operations that are given a secret or give one, told by the names of members."""
    return {each.id for each in operations() if _SECRET & (_members_of(each.example) | set(_given(each)))}


_SECRET = {
    "password",
    "current_password",
    "new_password",
    "refresh_token",
    "access_token",
    "challenge",
    "code",
    "secret",
    "token",
    "recovery_codes",
    "phone_number",
}


def _given(operation: Operation) -> Iterator[str]:
    for answer in operation.answers:
        whole = resolved(answer, operation.version)
        for schema in (whole, *whole.get("anyOf", ()), *whole.get("oneOf", ())):
            yield from resolved(schema, operation.version).get("properties", {})


def _members_of(value: Any) -> set[str]:
    match value:
        case dict():
            return set(value) | {name for inner in value.values() for name in _members_of(inner)}
        case list():
            return {name for inner in value for name in _members_of(inner)}
    return set()
