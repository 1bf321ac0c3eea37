"""Issuing and verifying access tokens."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import NotAuthenticated
from app.domain.identity import access_tokens
from app.domain.identity.access_tokens import AccessTokens
from app.domain.ids import SessionId, UserId
from app.setting_groups import SecuritySettings
from app.settings import load_settings

USER, SESSION = UserId(uuid4()), SessionId(uuid4())
OLD_SECRET = "the secret that was in use before this one"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def security(**variables: str) -> SecuritySettings:
    return load_settings(SECRET_KEY="the secret that is in use at the moment", **variables).security


TOKENS = AccessTokens(security())


def refusal(tokens: AccessTokens, token: str) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        tokens.verify(token)
    return caught.value.code


def forged(*, key: bytes | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token as TOKENS would issue it, but for what is given; None leaves a claim or a header out."""
    honest = TOKENS.issue(USER, SESSION)
    payload = {**jwt.decode(honest, options={"verify_signature": False}), **claims}
    headers = {**jwt.get_unverified_header(honest), **(header or {})}
    return jwt.encode(
        {name: value for name, value in payload.items() if value is not None},
        TOKENS._signing_key if key is None else key,
        algorithm=headers.pop("alg"),
        headers={name: value for name, value in headers.items() if value is not None},
    )


class TestIssue:
    def test_it_names_user_and_session_and_nothing_that_may_change(self) -> None:
        payload = jwt.decode(TOKENS.issue(USER, SESSION), options={"verify_signature": False})
        assert set(payload) == {"iss", "aud", "sub", "sid", "iat", "exp", "jti"}
        assert (payload["sub"], payload["sid"]) == (str(USER), str(SESSION))

    def test_it_is_good_for_fifteen_minutes(self) -> None:
        payload = jwt.decode(TOKENS.issue(USER, SESSION), options={"verify_signature": False})
        assert payload["exp"] - payload["iat"] == TOKENS.lifetime_seconds == 900

    def test_no_two_tokens_are_the_same(self) -> None:
        assert TOKENS.issue(USER, SESSION) != TOKENS.issue(USER, SESSION)

    def test_the_key_id_does_not_show_the_key(self) -> None:
        header = jwt.get_unverified_header(TOKENS.issue(USER, SESSION))
        assert header == {"alg": "HS256", "typ": "at+jwt", "kid": header["kid"]}
        assert header["kid"] not in TOKENS._signing_key.hex()


class TestVerify:
    def test_an_honest_token_says_who_it_is(self) -> None:
        claims = TOKENS.verify(TOKENS.issue(USER, SESSION))
        assert (claims.user_id, claims.session_id) == (USER, SESSION)

    def test_the_forgery_of_these_tests_is_accepted_unless_something_is_wrong(self) -> None:
        assert TOKENS.verify(forged()).user_id == USER

    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "somebody-else"},
            {"aud": "another-api"},
            {"iss": None},
            {"aud": None},
            {"sub": None},
            {"sid": None},
            {"iat": None},
            {"exp": None},
            {"jti": None},
        ],
        ids=lambda claims: "-".join(f"{name}={value}" for name, value in claims.items()),
    )
    def test_a_wrong_or_missing_claim_is_refused(self, claims: dict[str, Any]) -> None:
        assert refusal(TOKENS, forged(**claims)) == "INVALID_TOKEN"

    @pytest.mark.parametrize(
        "header",
        [{"kid": "unknown"}, {"kid": None}, {"typ": "JWT"}, {"typ": None}, {"typ": "rt+jwt"}],
        ids=lambda header: "-".join(f"{name}={value}" for name, value in header.items()),
    )
    def test_a_wrong_or_missing_header_is_refused(self, header: dict[str, Any]) -> None:
        assert refusal(TOKENS, forged(header=header)) == "INVALID_TOKEN"

    @pytest.mark.parametrize("algorithm", ["none", "None", "nOnE"])
    def test_a_token_without_a_signature_is_refused(self, algorithm: str) -> None:
        header, payload, _ = TOKENS.issue(USER, SESSION).split(".")
        fields = {**json.loads(base64.urlsafe_b64decode(header + "==")), "alg": algorithm}
        unsigned = base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()
        assert refusal(TOKENS, f"{unsigned}.{payload}.") == "INVALID_TOKEN"

    @pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
    def test_another_algorithm_is_refused_though_the_key_fits(self, algorithm: str) -> None:
        long_key = TOKENS._signing_key
        with pytest.warns(jwt.InsecureKeyLengthWarning):
            token = forged(key=long_key, header={"alg": algorithm})
        assert refusal(TOKENS, token) == "INVALID_TOKEN"

    def test_a_signature_under_another_key_is_refused(self) -> None:
        assert refusal(TOKENS, forged(key=b"x" * 32)) == "INVALID_TOKEN"

    def test_a_changed_payload_is_refused(self) -> None:
        header, _, signature = TOKENS.issue(USER, SESSION).split(".")
        payload = TOKENS.issue(UserId(uuid4()), SESSION).split(".")[1]
        assert refusal(TOKENS, f"{header}.{payload}.{signature}") == "INVALID_TOKEN"

    def test_a_refresh_token_is_no_access_token(self) -> None:
        assert refusal(TOKENS, "R0CkQ50jXOU3GHiAaDUYNcY5fFU-rNp5z7E9fjXxnok") == "INVALID_TOKEN"

    def test_a_worker_whose_clock_is_ahead_issues_good_tokens(self) -> None:
        with time_machine.travel(NOW + timedelta(seconds=3), tick=False):
            early = TOKENS.issue(USER, SESSION)
        with time_machine.travel(NOW, tick=False):
            assert TOKENS.verify(early).user_id == USER

    def test_a_header_without_an_end_is_refused_and_does_no_harm(self) -> None:
        deep = base64.urlsafe_b64encode(b'{"kid":' + b"[" * 1400).rstrip(b"=").decode()
        assert refusal(TOKENS, f"{deep}.e30.c2ln") == "INVALID_TOKEN"

    def test_an_endless_token_is_refused_unread(self) -> None:
        assert refusal(TOKENS, "x" * 1_000_000) == "INVALID_TOKEN"

    @given(st.text(max_size=300))
    def test_text_is_refused(self, token: str) -> None:
        assert refusal(TOKENS, token) == "INVALID_TOKEN"

    @given(st.lists(st.binary(max_size=60), min_size=3, max_size=3))
    def test_anything_that_looks_like_a_token_is_refused(self, parts: list[bytes]) -> None:
        token = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
        assert refusal(TOKENS, token) == "INVALID_TOKEN"

    @given(
        st.dictionaries(
            st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jku", "jwk"]),
            st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.lists(st.text(), max_size=2)),
        )
    )
    def test_any_header_but_ours_is_refused(self, header: dict[str, Any]) -> None:
        encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
        _, payload, signature = TOKENS.issue(USER, SESSION).split(".")
        assert refusal(TOKENS, f"{encoded}.{payload}.{signature}") == "INVALID_TOKEN"


class TestExpiry:
    def test_a_token_ends_with_its_last_second(self) -> None:
        with time_machine.travel(NOW, tick=False) as clock:
            fresh, known = TOKENS.issue(USER, SESSION), TOKENS.issue(USER, SESSION)
            clock.shift(899)
            TOKENS.verify(known)
            clock.shift(1)
            assert refusal(TOKENS, fresh) == "TOKEN_EXPIRED"
            assert refusal(TOKENS, known) == "TOKEN_EXPIRED"
            assert refusal(TOKENS, known) == "TOKEN_EXPIRED"


class TestChangeOfKeys:
    def test_tokens_of_a_previous_key_are_accepted_and_new_ones_have_the_new_key(self) -> None:
        before = AccessTokens(load_settings(SECRET_KEY=OLD_SECRET).security)
        after = AccessTokens(security(PREVIOUS_SECRET_KEYS=OLD_SECRET))
        assert after.verify(before.issue(USER, SESSION)).user_id == USER
        assert refusal(before, after.issue(USER, SESSION)) == "INVALID_TOKEN"

    def test_tokens_of_a_forgotten_key_are_refused(self) -> None:
        forgotten = AccessTokens(load_settings(SECRET_KEY=OLD_SECRET).security)
        assert refusal(TOKENS, forgotten.issue(USER, SESSION)) == "INVALID_TOKEN"


class TestMemory:
    @pytest.fixture
    def decoded(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The tokens on which cryptography was spent."""
        seen: list[str] = []
        original = jwt.decode

        def decode(token: str, *args: Any, **options: Any) -> dict[str, Any]:
            seen.append(token)
            return original(token, *args, **options)

        monkeypatch.setattr(jwt, "decode", decode)
        return seen

    def test_a_verified_token_is_verified_once(self, decoded: list[str]) -> None:
        token = TOKENS.issue(USER, SESSION)
        assert TOKENS.verify(token) is TOKENS.verify(token)
        assert decoded == [token]

    def test_a_refused_token_is_not_remembered(self, decoded: list[str]) -> None:
        token = forged(key=b"x" * 32)
        assert [refusal(TOKENS, token), refusal(TOKENS, token)] == ["INVALID_TOKEN"] * 2
        assert decoded.count(token) == 2

    def test_it_is_bounded_and_forgets_what_was_not_used_for_longest(
        self, decoded: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(access_tokens, "REMEMBERED_MAXIMUM", 2)
        tokens = AccessTokens(security())
        one, two, three = (tokens.issue(USER, SESSION) for _ in range(3))
        for token in (one, two, one, three, one, two):
            tokens.verify(token)
        assert decoded == [one, two, three, two]
        assert len(tokens._remembered) == 2

    def test_it_does_not_hold_the_tokens_themselves(self) -> None:
        tokens = AccessTokens(security())
        token = tokens.issue(USER, SESSION)
        tokens.verify(token)
        assert token not in repr(tokens._remembered)
