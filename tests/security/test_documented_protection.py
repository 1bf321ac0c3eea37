"""What the README says of limits, throttles and blocks is what the code does."""

import re
from pathlib import Path

import pytest

from app.abuse import logins
from app.domain.blocks import block
from app.domain.guesses import limit
from app.setting_groups import RateLimitSettings, ThreatSettings
from tests.application import application

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| ([\d/a-z, ]+) \| .* \| `(\w+)`", re.MULTILINE)
DECLARED = re.compile(r"`(\w+)` (\d+/\w+)(?=[,.])")
WORDS = {2: "two", 5: "five"}


def documented() -> dict[str, str]:
    """The limits of the table by their names."""
    found: dict[str, str] = {}
    for names, amounts, _ in ROW.findall(README):
        found |= dict(zip(re.findall(r"\w+", names), amounts.split(", "), strict=True))
    return found


class TestLimits:
    def test_the_table_has_every_class_with_its_default(self) -> None:
        fields = RateLimitSettings.model_fields
        classes = {name: field.default for name, field in fields.items() if isinstance(field.default, str)}
        assert {name: documented().get(name) for name in classes} == classes

    def test_the_sentence_below_it_has_exactly_the_operations_with_a_limit_of_their_own(self) -> None:
        limits = application().state.limits
        units = {60: "minute", 3600: "hour"}
        declared = {
            each.name: f"{each.amount}/{units[each.window_seconds]}"
            for plan in limits.plans.values()
            for each in limits.declarations.of(plan.endpoint)
        }
        assert dict(DECLARED.findall(README)) == declared
        assert {"log_in", "register", "add_team_member"} <= declared.keys()


class TestGuessing:
    """How guessing is slowed down, and why nobody can lock another one out."""

    @pytest.mark.parametrize(
        "sentence",
        [
            f"{WORDS[logins.PAIR_TRIES]}, then that address waits (429 `LOGIN_THROTTLED`)",
            f"leaves each address {WORDS[logins.PAIR_TRIES_UNDER_ATTACK]}",
            "No number of tries closes an account by itself",
            f"blocked for {block.SHORTEST.seconds // 60} minutes, then twice as long each time",
            f"{int(block.LONGEST.total_seconds()) // 3600} hours at\nmost",
            f"scored within {WORDS[ThreatSettings().window_seconds // 60]} minutes",
        ],
    )
    def test_it_is_written_down_with_the_figures_of_the_code(self, sentence: str) -> None:
        assert sentence in README

    def test_the_interface_says_it_too(self) -> None:
        from_documents = (Path(__file__).parents[1] / "api" / "openapi" / "v2.json").read_text(encoding="utf-8")
        minutes = limit.WINDOW.seconds // 60
        assert limit.MAXIMUM == 5
        assert minutes == 15
        assert "after five wrong codes of one method within fifteen minutes" in from_documents
        assert "After five wrong attempts\\nwithin fifteen minutes" in from_documents
