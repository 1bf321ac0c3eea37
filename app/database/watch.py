"""What is known of the statements that run: how long each took, for observers and for the log of slow ones."""

from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from typing import Any

import structlog

from app.database.statements import Statement

Observer = Callable[[Statement[Any], float], None]

log = structlog.get_logger("app.database")

_is_for_nobody: ContextVar[bool] = ContextVar("is_for_nobody", default=False)


def for_nobody() -> Context:
    """The context for a task of the process itself, which runs whoever asks for what: none of it is counted."""
    context = copy_context()
    context.run(_is_for_nobody.set, True)
    return context


def runs_for_nobody() -> bool:
    """Whether this is such a task."""
    return _is_for_nobody.get()


class Watch:
    """Times each statement and tells the observers; logs the slow ones by fingerprint, never with parameters."""

    def __init__(self, slow_query_ms: float) -> None:
        self._slow_seconds = slow_query_ms / 1000
        self.observers: list[Observer] = []

    def saw(self, statement: Statement[Any], seconds: float) -> None:
        """Records one finished statement."""
        for observer in self.observers:
            observer(statement, seconds)
        if seconds >= self._slow_seconds:
            log.warning(
                "slow query",
                statement=statement.name,
                fingerprint=statement.fingerprint,
                duration_ms=round(seconds * 1000, 1),
            )


def log_statement(statement: Statement[Any], seconds: float) -> None:
    """The observer that DEBUG adds: every statement by its name, never its parameters."""
    log.info("statement", statement=statement.name, duration_ms=round(seconds * 1000, 2))
