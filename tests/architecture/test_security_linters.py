"""What bandit is told to skip, ruff finds; and what it is not told to skip, bandit finds."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
# One offence for each check that is left to ruff.
LEFT_TO_RUFF = {
    "B104": "ADDRESS = '0.0.0.0'",
    "B105": "PASSWORD = 'sesame'",
    "B311": "import random\n\nNUMBER = random.random()",
    "B603": "import subprocess\nimport sys\n\nsubprocess.run([sys.argv[1]], check=True)",
    "B606": "import os\nimport sys\n\nos.execv(sys.argv[1], sys.argv)",
    "B607": "import subprocess\n\nsubprocess.run(['ls'], check=True)",
    "B608": "import sys\n\nSQL = f'SELECT * FROM todos WHERE id = {sys.argv[1]}'",
}
FOR_BANDIT = {
    "B301": "import pickle\nimport sys\n\npickle.load(sys.stdin.buffer)",
    "B324": "import hashlib\n\nhashlib.md5(b'x')",
    "B307": "import sys\n\neval(sys.argv[1])",
    "B602": "import subprocess\nimport sys\n\nsubprocess.run(sys.argv[1], shell=True)",
    "B501": "import httpx\n\nhttpx.get('https://example.com', verify=False)",
}


def skipped() -> set[str]:
    """The checks that bandit is told to skip."""
    configured: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["bandit"]["skips"]
    return set(configured)


def test_each_skipped_check_is_one_of_ruffs_but_for_an_import() -> None:
    assert skipped() == LEFT_TO_RUFF.keys() | {"B404"}


@pytest.mark.parametrize("check", LEFT_TO_RUFF)
def test_ruff_finds_what_bandit_skips(check: str) -> None:
    command = [str(TOOLS / "ruff"), "check", "--output-format", "json", "--stdin-filename", "app/offence.py", "-"]
    done = subprocess.run(command, input=LEFT_TO_RUFF[check], capture_output=True, check=False, text=True, cwd=ROOT)
    assert f"S{check[1:]}" in {found["code"] for found in json.loads(done.stdout)}


@pytest.mark.parametrize("check", FOR_BANDIT)
def test_bandit_finds_the_rest(check: str, tmp_path: Path) -> None:
    offence = tmp_path / "offence.py"
    offence.write_text(FOR_BANDIT[check])
    command = [str(TOOLS / "bandit"), "--quiet", "--configfile", "pyproject.toml", "--format", "json", str(offence)]
    done = subprocess.run(command, capture_output=True, check=False, text=True, cwd=ROOT)
    assert check in {found["test_id"] for found in json.loads(done.stdout)["results"]}


def test_everything_that_runs_is_looked_at() -> None:
    (command,) = re.findall(r"/bandit (.*)", (ROOT / "Makefile").read_text())
    assert {"app", "bench", "deploy", "migrations"} <= set(command.split())
    assert "--exit-zero" not in command


def test_nothing_is_excused_to_bandit_on_its_line() -> None:
    sources = [path for folder in ("app", "bench", "deploy", "migrations") for path in (ROOT / folder).rglob("*.py")]
    assert [str(path) for path in sources if re.search(r"#\s*nosec", path.read_text(encoding="utf-8"))] == []
