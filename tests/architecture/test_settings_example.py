"""The list of variables for operators is complete and true."""

import datetime as dt
import re
from pathlib import Path

from pydantic import SecretStr

from app.settings import files, variables

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = dict(re.findall(r"^#([A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))


def written(value: object) -> str:
    """A default as it is written in the environment."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case list():
            return ",".join(map(str, value))
        case dt.datetime():
            return value.isoformat().replace("+00:00", "Z")
        case _:
            return str(value)


class TestExample:
    def test_it_lists_every_variable_and_no_other(self):
        assert set(EXAMPLE) == set(variables()) | files()

    def test_each_default_is_the_real_one(self):
        assert {name: EXAMPLE[name] for name in variables()} == {name: written(v) for name, v in variables().items()}
