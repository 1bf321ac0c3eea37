"""No text makes a regular expression slow: all those of the service, and all that its documents give to clients."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import app
from tests.security.operations import VERSIONS, document_of
from tests.security.redos import attacks, slowest

SOURCES = Path(app.__file__).parent
# Where patterns are put together, and looked for in nothing that a client sends: while documents are made.
MADE_AT_START = {"api/openapi/examples.py"}
# Functions of `re` that take a pattern where it is used, and how they look for it.
LOOKING = {"match": "match", "fullmatch": "fullmatch", "search": "search"}
SEARCHING = {"sub", "subn", "split", "findall", "finditer"}


@dataclass(frozen=True)
class Use:
    """A pattern, where it is, and how it is looked for."""

    place: str
    pattern: Any
    flags: int
    way: str

    def __str__(self) -> str:
        return f"{self.place}: {self.way}"


def compiled(name: str, value: object, *, levels: int = 3) -> Iterator[tuple[str, "re.Pattern[Any]"]]:
    """The patterns in a module's value: itself, or what it holds."""
    if levels == 0:
        return
    if isinstance(value, re.Pattern):
        yield name, value
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from compiled(name, each, levels=levels - 1)
    elif isinstance(value, dict):
        for each in value.values():
            yield from compiled(name, each, levels=levels - 1)
    elif isinstance(value, type) and value.__module__.startswith("app."):
        for inner, each in vars(value).items():
            yield from compiled(f"{name}.{inner}", each, levels=levels - 1)


def uses() -> Iterator[Use]:
    """Every pattern of every module, in each way in which its module looks for it."""
    for found in pkgutil.walk_packages(app.__path__, "app."):
        module = importlib.import_module(found.name)
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        for name, value in vars(module).items():
            for place, pattern in compiled(name, value):
                called = set(re.findall(rf"\b{re.escape(name)}\.(\w+)\(", source))
                ways = {LOOKING.get(each, "search") for each in called & (LOOKING.keys() | SEARCHING)} or {"search"}
                for way in sorted(ways):
                    yield Use(f"{found.name}.{place}", pattern.pattern, pattern.flags, way)
        if f"{found.name.removeprefix('app.').replace('.', '/')}.py" not in MADE_AT_START:
            yield from inline(found.name, ast.parse(source))


def inline(module: str, tree: ast.AST) -> Iterator[Use]:
    """The patterns that are written where they are used."""
    for call in _nodes(tree):
        if is_of_re(call) and call.func.attr != "compile" and isinstance(call.args[0], ast.Constant):
            way = LOOKING.get(call.func.attr, "search")
            yield Use(f"{module}:{call.lineno}", call.args[0].value, 0, way)


def _nodes(tree: ast.AST) -> Iterator[Any]:
    return ast.walk(tree)


def is_of_re(node: Any) -> bool:
    """True for a call of a function of `re` that takes a pattern."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in LOOKING.keys() | SEARCHING | {"compile"}
    )


def documented() -> Iterator[Use]:
    """The patterns that the documents give to clients, who search with them (JSON Schema, 6.3.3)."""
    seen = set[str]()

    def walk(value: Any) -> Iterator[str]:
        match value:
            case dict():
                if isinstance(value.get("pattern"), str):
                    yield value["pattern"]
                for inner in value.values():
                    yield from walk(inner)
            case list():
                for inner in value:
                    yield from walk(inner)

    for version in VERSIONS:
        for pattern in walk(document_of(version)):
            if pattern not in seen:
                seen.add(pattern)
                yield Use(f"{version}: {pattern}", pattern, 0, "search")


class TestPatterns:
    @pytest.mark.parametrize("use", sorted({*uses(), *documented()}, key=str), ids=str)
    def test_no_text_makes_it_slow(self, use: Use) -> None:
        is_bytes = isinstance(use.pattern, bytes)
        run = getattr(re.compile(use.pattern, use.flags & ~re.UNICODE if is_bytes else use.flags), use.way)
        text = use.pattern.decode("latin-1") if is_bytes else use.pattern
        assert slowest(run, attacks(text, use.flags), is_bytes=is_bytes) is None

    def test_every_pattern_is_found(self) -> None:
        """A pattern is compiled at the top of its module, or written down where it is used."""
        hidden = []
        for path in sorted(SOURCES.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            top = {id(call) for statement in tree.body for call in ast.walk(statement) if not _is_function(statement)}
            for call in _nodes(tree):
                if not is_of_re(call):
                    continue
                is_seen = id(call) in top if call.func.attr == "compile" else isinstance(call.args[0], ast.Constant)
                if not is_seen:
                    hidden.append(f"{path.relative_to(SOURCES)}:{call.lineno}")
        assert sorted({place.partition(":")[0] for place in hidden}) == sorted(MADE_AT_START), hidden


def _is_function(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)


class TestControls:
    """The finder itself, on patterns that are known to be slow, and on some that only look so."""

    @pytest.mark.parametrize(
        ("pattern", "way"),
        [
            (r"^(a+)+$", "match"),
            (r"^(a|aa)+$", "match"),
            (r"^(\w+\s?)*$", "match"),
            (r"^(([a-z])+.)+[A-Z]([a-z])+$", "match"),
            (r"(.*a){20}x", "match"),
            (r"\s+$", "search"),
            (r"a*b", "search"),
            (r"^a*a*b", "match"),
            (r'^"[^"]*"( *, *"[^"]*")* *[ ,]* *$', "match"),
            (r"[a-z.]+@[a-z]+", "search"),
        ],
    )
    def test_a_slow_pattern_is_found(self, pattern: str, way: str) -> None:
        assert slowest(getattr(re.compile(pattern), way), attacks(pattern, 0)) is not None

    @pytest.mark.parametrize("pattern", [r"^a+$", r"^(a|b)+$", r"^[a-z]{1,64}@[a-z]{1,63}$", r"^(?:a+b)+$"])
    def test_a_quick_pattern_is_not(self, pattern: str) -> None:
        assert slowest(re.compile(pattern).match, attacks(pattern, 0)) is None
