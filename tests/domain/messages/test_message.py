"""What a message may hold."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.domain.messages.message import Message
from app.domain.users.user import EMAIL, EMAIL_MAXIMUM, checked_email


def message(**parts: Any) -> Message:
    return Message(**{"kind": "greeting", "channel": "mail", "to": "ann@example.com", "text": "Hello", **parts})


class TestRecipient:
    @pytest.mark.parametrize("to", ["ann@example.com", "o'brien+todo@mail.example.co.uk", "a@localhost", "a_b@x-y.zz"])
    def test_one_mail_address_is_taken(self, to: str):
        assert message(to=to).to == to

    @given(st.from_regex(EMAIL, fullmatch=True))
    def test_every_address_that_an_account_can_have_is_taken(self, to: str):
        assume(len(to) <= EMAIL_MAXIMUM)
        assert message(to=to).to == to

    def test_that_is_true_of_one_that_is_nothing_but_dots(self):
        to = "a@" + ".".join("a" * 126)
        assert len(to) <= EMAIL_MAXIMUM
        assert message(to=checked_email(to)).to == to

    @pytest.mark.parametrize(
        "to",
        [
            "",
            "ann",
            "ann@example.com\r\nBcc: bob@example.com",
            "ann@example.com\n",
            "ann@example.com, bob@example.com",
            "ann@example.com;bob@example.com",
            "Ann <ann@example.com>",
            "ann@example.com (bob@example.com)",
            '"ann bob"@example.com',
            "ann@[127.0.0.1]",
            "ann@example.com>",
            "ann @example.com",
            "änn@example.com",
            "+491701234567",
        ],
    )
    def test_anything_else_is_refused(self, to: str):
        with pytest.raises(ValueError, match="recipient"):
            message(to=to)

    def test_text_messages_go_to_telephone_numbers(self):
        assert message(channel="sms", to="+491701234567").to == "+491701234567"

    @pytest.mark.parametrize("to", ["01701234567", "+0123456789", "+49 170", "+4917\n0123", "+" + "1" * 16, "a@b.cd"])
    def test_and_to_nothing_else(self, to: str):
        with pytest.raises(ValueError, match="recipient"):
            message(channel="sms", to=to)


class TestContent:
    @given(st.sampled_from("\r\n\x00\x0b\x0c\x1b\x85\u2028\u2029\u202e"), st.text(max_size=5), st.text(max_size=5))
    def test_no_subject_has_two_lines(self, character: str, before: str, after: str):
        with pytest.raises(ValueError, match=r"contains|characters"):
            message(subject=before + character + after)

    def test_a_text_has_lines_and_nothing_that_deceives(self):
        assert message(text="one\ntwo\tthree\r\n").text == "one\ntwo\tthree\r\n"
        with pytest.raises(ValueError, match=r"U\+202E"):
            message(text="invoice\u202efdp.exe")

    @pytest.mark.parametrize("parts", [{"subject": "s" * 201}, {"text": "t" * 20_001}, {"lifetime": timedelta(0)}])
    def test_all_is_bounded(self, parts: dict[str, Any]):
        with pytest.raises(ValueError, match=r"at most|expired"):
            message(**parts)

    @pytest.mark.parametrize("kind", ["", "For Ann", "ann@example.com", "k" * 41])
    def test_a_kind_tells_nothing_of_a_person(self, kind: str):
        with pytest.raises(ValueError, match="kind"):
            message(kind=kind)

    def test_its_representation_is_fit_for_a_log(self):
        shown = repr(message(subject="Your code", text="123456"))
        assert not [part for part in ("ann@example.com", "Your code", "123456") if part in shown]
