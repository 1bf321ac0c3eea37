"""What STYLE asks of files and names, and no linter knows."""

import ast
import re
import tokenize
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for folder in ("app", "bench", "migrations", "tests") for path in (ROOT / folder).rglob("*.py"))
MAX_LINES = 300

TOP_LEVEL = {
    "Dockerfile",
    "Makefile",
    "README.md",
    "app",
    "bench",
    "deploy",
    "docker-compose.yml",
    "migrations",
    "pyproject.toml",
    "requirements",
    "tests",
}
SAYS_NOTHING = {"base", "common", "core", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}
SAYS_PROGRESS = {"better", "enhanced", "final", "improved", "new", "old", "optimised", "optimized", "v1", "v2"}

SILENCED = re.compile(r"# ?(noqa|type: ignore)\b(?P<rest>.*)")
# After `noqa`: codes, a dash, the reason. After `type: ignore`: codes, then the reason as a comment of its own.
WITH_REASON = re.compile(r": [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* - \S.*|\[[a-z-]+(, ?[a-z-]+)*\]\s+# \S.*")


def offenders(breaks_the_rule: Callable[[Path], bool]) -> list[str]:
    """The sources that break a rule, by their path in the repository."""
    return [str(path.relative_to(ROOT)) for path in SOURCES if breaks_the_rule(path)]


def says_nothing(name: str) -> bool:
    """True for names of roles and of progress. A version of the interface as a whole may be called by its name."""
    words = name.removeprefix("test_").split("_")
    return words not in (["v1"], ["v2"]) and not (SAYS_NOTHING | SAYS_PROGRESS).isdisjoint(words)


def is_silenced_without_reason(path: Path) -> bool:
    """True if a linter or the type checker is told to be quiet and nobody is told why."""
    with tokenize.open(path) as source:
        comments = [
            token.string for token in tokenize.generate_tokens(source.readline) if token.type == tokenize.COMMENT
        ]
    silenced = [found["rest"] for comment in comments if (found := SILENCED.match(comment))]
    return not all(WITH_REASON.fullmatch(rest) for rest in silenced)


def imports_inside_functions_without_reason(path: Path) -> bool:
    """True if a function imports something and its line does not say why."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    inner = {
        node.lineno
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    return any("# noqa: PLC0415 - " not in lines[number - 1] for number in inner)


class TestFiles:
    def test_each_fits_into_one_head(self):
        assert offenders(lambda path: len(path.read_text(encoding="utf-8").splitlines()) > MAX_LINES) == []

    def test_each_name_says_what_the_file_knows(self):
        assert offenders(lambda path: says_nothing(path.stem)) == []

    def test_what_is_silenced_has_a_reason(self):
        assert offenders(is_silenced_without_reason) == []

    def test_imports_stand_at_the_top_or_say_why_not(self):
        assert offenders(imports_inside_functions_without_reason) == []


class TestFolders:
    def test_the_top_level_holds_what_it_should_and_nothing_else(self):
        made_by_tools = {"__pycache__", "dist"}
        assert {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} - made_by_tools == TOP_LEVEL

    def test_each_name_says_what_the_folder_holds(self):
        assert offenders(lambda path: says_nothing(path.parent.name)) == []


class TestRules:
    """The rules themselves, on files that break them."""

    def test_names_of_roles_and_of_progress_say_nothing(self):
        assert says_nothing("test_string_utils")
        assert says_nothing("todos_v2")
        assert not says_nothing("database")
        assert not says_nothing("v2")

    @pytest.mark.parametrize("line", ["import os  # noqa", "import os  # noqa: F401", "x = 1  # type: ignore[misc]"])
    def test_a_bare_silencer_is_seen(self, line: str, tmp_path: Path):
        path = tmp_path / "x.py"
        path.write_text(f"{line}\n")
        assert is_silenced_without_reason(path)

    def test_an_import_inside_a_function_is_seen(self, tmp_path: Path):
        path = tmp_path / "x.py"
        path.write_text("def f():\n    import os\n")
        assert imports_inside_functions_without_reason(path)
