"""Tests of redaction: what must not be written, under which names and in which shapes."""

from uuid import UUID

import pytest

from app.telemetry.redaction import REDACTED, redact, redact_text

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
TOKEN = "todo_pat_3fJk29slKDja_x-91"


def redacted(**event: object) -> dict[str, object]:
    return dict(redact(None, "info", event))


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "password",
            "new_password",
            "Passwd",
            "SECRET_KEY",
            "refresh_token",
            "Authorization",
            "set-cookie",
            "api_key",
            "X-Api-Key",
            "credentials",
            "email",
            "recipient_address",
            "phone",
        ],
    )
    def test_a_secret_field_is_never_written_whatever_it_holds(self, name: str):
        assert redacted(**{name: ["a", {"b": 1}]}) == {name: REDACTED}

    def test_a_secret_field_deep_inside_a_value(self):
        assert redacted(request={"headers": [{"Cookie": "session=1"}]}) == {
            "request": {"headers": [{"Cookie": REDACTED}]}
        }

    def test_the_address_of_the_client_and_harmless_names_stay(self):
        event = {"client_address": "192.0.2.1", "route": "/api/v2/todos", "status": 200, "note": None, "ok": True}
        assert redacted(**event) == event

    def test_the_id_of_an_api_key_stays_and_the_key_goes(self):
        event = {"api_key_id": "0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a"}
        assert redacted(**event, api_key=TOKEN) == {**event, "api_key": REDACTED}


class TestShapes:
    @pytest.mark.parametrize(
        ("text", "left"),
        [
            (f"got {JWT} from them", f"got {REDACTED} from them"),
            (f"got {TOKEN}.", f"got {REDACTED}."),
            ("Authorization: Bearer abc.def-123", f"Authorization: {REDACTED}"),
            ("authorization: basic dXNlcjpwYXNz", f"authorization: {REDACTED}"),
            ("no user ada.l+todo@mail.example.org here", f"no user {REDACTED} here"),
            ("postgresql://todo:hunter2@db:5432/todo", f"postgresql://{REDACTED}@db:5432/todo"),
            ("redis://:hunter2@cache/0", f"redis://{REDACTED}@cache/0"),
            ("duplicate key\nDETAIL:  Key (x)=(secret\nmore) exists.", f"duplicate key\nDETAIL:{REDACTED}"),
            (
                "[type=int, input_value='a secret', input_type=str]",
                f"[type=int, input_value={REDACTED}, input_type=str]",
            ),
        ],
    )
    def test_a_secret_inside_a_text_is_cut_out(self, text: str, left: str):
        assert redact_text(text) == left
        assert redacted(event=text) == {"event": left}

    @pytest.mark.parametrize(
        "text",
        ["GET /api/v2/todos/{todo_id}", "a@b", "bearer", "https://example.org:443/a@b", "eyJ.eyJ", "10:30 @ home"],
    )
    def test_ordinary_text_stays(self, text: str):
        assert redact_text(text) == text

    def test_an_exception_among_the_fields(self):
        assert redacted(error=ValueError(f"bad {TOKEN}")) == {"error": f"ValueError('bad {REDACTED}')"}

    def test_an_object_is_made_into_text_and_then_redacted(self):
        identity = UUID("0193e0e0-0000-7000-8000-000000000001")
        assert redacted(todo=identity, raw=b"Bearer abc") == {"todo": str(identity), "raw": f"b'{REDACTED}'"}

    def test_a_value_that_contains_itself_ends(self):
        endless: dict[str, object] = {}
        endless["inner"] = endless
        assert "inner" in redacted(value=endless)["value"]  # type: ignore[operator]  # it is a dictionary
