"""docker-compose.yml as Compose reads it: anchors merged, `${NAME:-default}` replaced."""

import re
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

ROOT = Path(__file__).resolve().parents[2]
ONE_SHOTS = {"secrets", "database", "migrate"}
LONG_RUNNING = {"proxy", "api", "worker", "postgres", "redis"}

_INNERMOST = re.compile(r"\$\{(\w+):-([^${}]*)\}")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def load(**variables: str) -> dict[str, Any]:
    """The file with `variables` as the environment, all others unset."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    contents: dict[str, Any] = _interpolated(yaml.safe_load(text), variables)
    return contents


def _interpolated(node: Any, variables: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _interpolated(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_interpolated(value, variables) for value in node]
    while isinstance(node, str) and _INNERMOST.search(node):
        node = _INNERMOST.sub(lambda match: variables.get(match[1]) or match[2], node)
    return node


def services(**variables: str) -> dict[str, dict[str, Any]]:
    """Each service by name."""
    found: dict[str, dict[str, Any]] = load(**variables)["services"]
    return found


def seconds(duration: str) -> float:
    """A duration as Compose and HAProxy write it, such as 500ms, 35s or 1h."""
    match = re.fullmatch(r"(\d+)(ms|s|m|h)", duration)
    assert match, duration
    return int(match[1]) * _UNITS[match[2]]
