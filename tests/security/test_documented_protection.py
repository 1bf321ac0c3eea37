"""What the README says of limits, throttles and blocks is what the code does."""

import re
from pathlib import Path

import pytest

from app.abuse import logins
from app.domain.blocks import block
from app.domain.guesses import limit
from app.main import create_app
from app.rate_limits.declarations import limiter
from app.setting_groups import RateLimitSettings, ThreatSettings
from app.settings import Settings

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| ([\d/a-z, ]+) \| .* \| `(\w+)`", re.MULTILINE)
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

    def test_what_it_says_of_single_operations_is_declared(self, settings: Settings) -> None:
        create_app(settings)
        own = {name: amount for name, amount in documented().items() if name not in RateLimitSettings.model_fields}
        declared = {
            name.rpartition(".")[2]: f"{each.limit.amount}/{each.limit.GRANULARITY.name}"
            for name, limits in limiter._route_limits.items()
            for each in limits
        }
        assert own.items() <= declared.items()
        assert {"log_in", "register", "add_team_member"} <= own.keys()


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
