"""What is known of the statements that run: how long each took, for observers and for the log of slow ones."""

from collections.abc import Callable
from typing import Any

import structlog

from app.database.statements import Statement

Observer = Callable[[Statement[Any], float], None]

log = structlog.get_logger("app.database")


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
