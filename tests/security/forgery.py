"""Access tokens that nobody issued: made by hand, since a library would refuse to make most of them.

Without the key of the service there are tokens that claim to need none, or another one. With it there are tokens that
only a faulty issuer would make; they are refused all the same.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from app.domain.identity.access_tokens import AccessTokens
from app.domain.identity.session import Tokens

HOUR = 3600


def encoded(value: object) -> str:
    """Base64url without padding, as JWTs have it; what is not text or bytes as JSON."""
    if isinstance(value, str):
        value = value.encode()
    content = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(part: str) -> dict[str, Any]:
    """What stands in the header or the payload of a token."""
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return content


class Forger:
    """Makes tokens from an honest one of somebody who is logged in."""

    def __init__(self, access_tokens: AccessTokens, honest: Tokens) -> None:
        self.honest = honest.access_token
        self.refresh_token = honest.refresh_token
        header, payload, self.signature = self.honest.split(".")
        self.header, self.payload = decoded(header), decoded(payload)
        self.key = access_tokens._signing_key

    def signed(self, header: object, payload: object, *, key: bytes | None = None, digest: str = "sha256") -> str:
        """A token with an HMAC under the key of the service, unless another is given."""
        text = f"{encoded(header)}.{encoded(payload)}"
        return f"{text}.{encoded(hmac.digest(self.key if key is None else key, text.encode(), digest))}"

    def unsigned(self, header: object, payload: object | None = None, signature: str = "") -> str:
        """A token with whatever signature."""
        return f"{encoded(header)}.{encoded(self.payload if payload is None else payload)}.{signature}"

    def claiming(self, **claims: Any) -> str:
        """A token that is signed with the key of the service, but for claims that are not as they should be."""
        payload = {name: value for name, value in {**self.payload, **claims}.items() if value is not None}
        return self.signed(self.header, payload)

    def headed(self, **header: Any) -> str:
        """A token that is signed with the key of the service under a header that is not as it should be."""
        return self.signed(
            {name: value for name, value in {**self.header, **header}.items() if value is not None}, self.payload
        )


def without_the_key(forger: Forger) -> Iterator[tuple[str, str]]:
    """Names and tokens of somebody who has an honest token and knows the documents."""
    header, payload = forger.header, forger.payload
    head, body, signature = forger.honest.split(".")
    for none in ("none", "None", "NONE", "nOnE", "", None, "null", 0, ["none"], {"alg": "HS256"}):
        yield f"alg {none!r}, unsigned", forger.unsigned({**header, "alg": none})
        yield f"alg {none!r}, honest signature", forger.unsigned({**header, "alg": none}, signature=signature)
    yield "no alg", forger.unsigned({"typ": "at+jwt", "kid": header["kid"]}, signature=signature)
    for digest, algorithm in (("sha384", "HS384"), ("sha512", "HS512"), ("sha256", "HS256")):
        for name, key in _guessed_keys(forger):
            text = forger.signed({**header, "alg": algorithm}, payload, key=key, digest=digest)
            yield f"{algorithm} under {name}", text
    yield from _asymmetric(forger)
    for name, value in _tricks(forger):
        yield f"header {name}", forger.signed({**header, **value}, payload, key=b"k" * 32)
        yield f"header {name}, unsigned", forger.unsigned({**header, **value, "alg": "none"})
    yield "another user", forger.unsigned(header, {**payload, "sub": str(uuid4())}, signature)
    yield "another session", forger.unsigned(header, {**payload, "sid": str(uuid4())}, signature)
    yield "a longer life", forger.unsigned(header, {**payload, "exp": payload["exp"] + 1}, signature)
    yield "a role that it never had", forger.unsigned(header, {**payload, "roles": ["admin"]}, signature)
    yield "alg twice in the header", f"{encoded(_twice(header, alg='none'))}.{body}.{signature}"
    yield "sub twice in the payload", f"{head}.{encoded(_twice(payload, sub=str(uuid4())))}.{signature}"
    yield "refresh token", forger.refresh_token
    yield "refresh token as signature", f"{head}.{body}.{forger.refresh_token}"
    yield "JWE", ".".join([encoded({"alg": "dir", "enc": "A128GCM", "kid": header["kid"]}), "", "AAAA", "AAAA", "AAAA"])
    yield "JWE of five parts of an honest one", f"{forger.honest}.AAAA.AAAA"
    yield "JSON serialisation", json.dumps({"protected": head, "payload": body, "signature": signature})
    yield from _mangled(forger)


def with_the_key(forger: Forger) -> Iterator[tuple[str, str]]:
    """Names and tokens of an issuer that has the key and makes mistakes."""
    for name, values in _wrong_claims(int(time.time())).items():
        yield f"no {name}", forger.claiming(**{name: None})
        for value in values:
            yield f"{name} {str(value)[:20]!r}", forger.claiming(**{name: value})
        for shape in ([], {}, True, "", [forger.payload[name]], {"$ne": ""}):
            if (name, shape) != ("aud", [forger.payload["aud"]]):  # RFC 7519 allows a list of audiences.
                yield f"{name} {shape!r}", forger.claiming(**{name: shape})
    for moment in (int(time.time()) + HOUR, "soon", float("nan"), float("inf"), [0]):
        yield f"nbf {moment!r}", forger.claiming(nbf=moment)
    for name, wrong in _WRONG_HEADERS.items():
        for value in wrong:
            yield f"{name} {str(value)[:20]!r}", forger.headed(**{name: value})
    yield "crit of b64", forger.headed(crit=["b64"], b64=False)
    yield "payload that is a list", forger.signed(forger.header, [forger.payload])
    yield "payload that is text", forger.signed(forger.header, "hello")
    yield "payload that is not UTF-8", forger.signed(forger.header, b'{"sub":"\xff"}')
    yield "payload without end", forger.signed(forger.header, b'{"sub":' + b"[" * 1000)
    yield "header that is a list", forger.signed([forger.header], forger.payload)
    yield "expired an hour ago", forger.claiming(iat=int(time.time()) - 2 * HOUR, exp=int(time.time()) - HOUR)


_WRONG_HEADERS: dict[str, tuple[Any, ...]] = {
    "typ": ("JWT", "jwt", "rt+jwt", "", 1, ["at+jwt"], None),
    "kid": ("", "0" * 16, 1, ["a"], {}, None, "x" * 900),
    "crit": (["exp"], "exp", []),
}
_NO_IDENTITY = ("1", "admin", "../../etc/passwd", "' OR 1=1 --", "\x00", 7, 1e300, str(uuid4()), "é" * 36)


def _wrong_claims(now: int) -> dict[str, tuple[Any, ...]]:
    never = (-1, -(10**20), 0, 10**11, 10**20, 1e300, 1e400, 10**400, float("nan"), float("-inf"))
    return {
        "iss": ("todo-service ", "TODO-SERVICE", "https://todo-service"),
        "aud": ("todo", "todo-api-2", ["todo", "other"]),
        "sub": _NO_IDENTITY,
        "sid": _NO_IDENTITY,
        "iat": (now + HOUR, 10**20, float("nan"), float("inf"), -1, str(now)),
        "exp": (now, *never, str(now + HOUR), f"{now + HOUR}.5", "never", "0x7fffffff", now + 100.5),
        "jti": (7,),
    }


def _guessed_keys(forger: Forger) -> Iterator[tuple[str, bytes]]:
    yield "no key", b""
    yield "a weak key", b"secret"
    yield "NUL", b"\x00"
    yield "the key id", str(forger.header["kid"]).encode()
    yield "the honest token", forger.honest.encode()
    yield "zeros", bytes(32)


def _asymmetric(forger: Forger) -> Iterator[tuple[str, str]]:
    """Keys of the attacker's own, and the confusion of a public key with a shared one."""
    keys: list[tuple[str, Any]] = [
        ("RS256", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ]
    for algorithm, key in keys:
        headers = {name: value for name, value in forger.header.items() if name != "alg"}
        yield f"{algorithm}", jwt.encode(forger.payload, key, algorithm=algorithm, headers=headers)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for name, secret in (("PEM", public), ("PEM without end", public.rstrip(b"\n"))):
            yield f"HS256 under the {name} of {algorithm}", forger.signed(forger.header, forger.payload, key=secret)
    own = keys[0][1]
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key()))
    headers = {**forger.header, "jwk": jwk}
    headers.pop("alg")
    yield "RS256 with its jwk", jwt.encode(forger.payload, own, algorithm="RS256", headers=headers)


def _tricks(forger: Forger) -> Iterator[tuple[str, dict[str, Any]]]:
    secret = encoded(b"k" * 32)
    yield "jwk", {"jwk": {"kty": "oct", "k": secret, "alg": "HS256", "kid": forger.header["kid"]}}
    for name in ("jku", "x5u"):
        for address in (
            "http://127.0.0.1:1/keys",
            "file:///dev/null",
            "https://todo.test@evil.test/keys",
            "//evil.test",
        ):
            yield f"{name} {address}", {name: address}
    yield "x5c", {"x5c": [encoded(b"certificate")]}
    yield "x5t", {"x5t": hashlib.sha256(b"certificate").hexdigest()}
    yield "b64 false", {"b64": False, "crit": ["b64"]}
    yield "crit unknown", {"crit": ["http://example.test/x"], "http://example.test/x": True}
    yield "zip", {"zip": "DEF"}
    yield "cty", {"cty": "JWT"}
    for key_id in (
        "../../../../dev/null",
        "/proc/sys/kernel/randomize_va_space",
        "' UNION SELECT 'k' --",
        "\x00",
        "|whoami",
        ["a"],
        {"$gt": ""},
        None,
        7,
        "k" * 1000,
        "\ud800",
    ):
        yield f"kid {str(key_id)[:24]!r}", {"kid": key_id}


def _mangled(forger: Forger) -> Iterator[tuple[str, str]]:
    honest = forger.honest
    head, body, signature = honest.split(".")
    yield "nothing but dots", ".."
    yield "two parts", f"{head}.{body}"
    yield "no signature", f"{head}.{body}."
    yield "one part", head
    yield "truncated", honest[:-1]
    yield "padded", f"{honest}="
    yield "padded twice", f"{honest}=="
    yield "padded header", f"{head}=.{body}.{signature}"
    yield "one character more", f"{honest}A"
    yield "a dot more", f"{honest}."
    yield "a character that is not of the alphabet", f"{head}.{body}.{signature[:20]}!{signature[20:]}"
    yield "the other alphabet", f"{head}.{body}.{signature[:-1]}+"
    yield "spare bits of the last character", honest[:-1] + _next(honest[-1])
    yield "quoted", f'"{honest}"'
    yield "twice", f"{honest}.{honest}"
    yield "twice with a comma", f"{honest},{honest}"
    yield "twice with a space", f"{honest} {honest}"
    yield "swapped case", honest.swapcase()
    yield "reversed", honest[::-1]
    yield "percent-encoded", honest.replace(".", "%2E")
    for size in (2_049, 8_000, 30_000):
        yield f"{size} characters", "a" * size
        yield f"honest and {size} characters", f"{honest}{'A' * size}"
    yield "not ASCII", f"{honest[:-1]}\u00e9"


def _twice(content: dict[str, Any], **second: Any) -> bytes:
    text = json.dumps(content)
    return f"{text[:-1]},{json.dumps(second)[1:]}".encode()


def _next(character: str) -> str:
    """The next letter of the alphabet that base64url is written in: it differs in bits that a signature lacks."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(character) ^ 1]


Forgeries = Callable[[Forger], Iterator[tuple[str, str]]]
