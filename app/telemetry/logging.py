"""Structured logs: one JSON object a line, the same for our own loggers, uvicorn's and every library's.

Configured once per process, at its edge. Knows formats and order; what is secret is in `redaction`.
"""

import logging
import sys
import time
from collections.abc import Callable
from typing import BinaryIO, cast

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import FilteringBoundLogger, Processor

from app.settings import Settings
from app.telemetry.log_lines import LogLines
from app.telemetry.redaction import redact

_MAX_FRAMES = 30
# At level info they write whole URLs, queries included.
_TALKATIVE_LOGGERS = ("httpcore", "httpx")
# Not uvicorn.access: uvicorn writes access lines as soon as that one has a handler to pass them to.
_UVICORN_LOGGERS = ("uvicorn", "uvicorn.asgi", "uvicorn.error")


class _LinesHandler(logging.StreamHandler[LogLines]):
    """The one handler of the process. It flushes after each record, so gathered lines never overtake it."""


def configure(settings: Settings, *, stream: BinaryIO | None = None) -> None:
    """Sends every log of this process to `stream` (standard output) in the format and from the level of the settings.

    Replaces what was configured before. uvicorn must be started with `log_config=None`, or it configures its own.
    """
    level = logging.getLevelNamesMapping()[settings.log.level.upper()]
    for_all: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = _LinesHandler(LogLines(stream or sys.stdout.buffer))
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=for_all,
            processors=[ProcessorFormatter.remove_processors_meta, *_rendering(settings.log.format)],
        )
    )
    root = logging.getLogger()
    for previous in root.handlers[:]:
        root.removeHandler(previous)
        if isinstance(previous, _LinesHandler):
            previous.stream.close()
    root.addHandler(handler)
    root.setLevel(level)
    for name in _UVICORN_LOGGERS:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    for name in _TALKATIVE_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*for_all, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def _rendering(log_format: str) -> list[Processor]:
    """Exceptions become data first, then everything is redacted, then it becomes text."""
    if log_format == "console":
        return [
            structlog.processors.format_exc_info,
            redact,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    # Local variables stay out of tracebacks: they are where passwords and tokens are.
    frames = ExceptionDictTransformer(show_locals=False, use_rich=False, max_frames=_MAX_FRAMES)
    return [structlog.processors.ExceptionRenderer(frames), redact, structlog.processors.JSONRenderer()]


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger of that name. It may be made before `configure` and follows it."""
    return cast("FilteringBoundLogger", structlog.get_logger(name))


def line_writer() -> Callable[[bytes], None]:
    """Where a line goes that is rendered already, in UTF-8: written within 50 ms, and at once if a record follows it.

    Before `configure` lines go nowhere, as the standard library does with what nobody listens to.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _LinesHandler):
            return handler.stream.write_encoded
    return lambda _line: None


def log_once_a_minute(
    logger: FilteringBoundLogger, *, clock: Callable[[], float] = time.monotonic
) -> Callable[..., bool]:
    """A `logger.warning` that lets each event through once a minute, with the number `suppressed` since the last.

    Says whether it did. For what an outage would otherwise repeat with every request. Made once by the object that
    logs: it remembers.
    """
    due: dict[str, float] = {}
    suppressed: dict[str, int] = {}

    def warn(event: str, **fields: object) -> bool:
        now = clock()
        if now < due.get(event, now):
            suppressed[event] = suppressed.get(event, 0) + 1
            return False
        due[event] = now + 60.0
        logger.warning(event, suppressed=suppressed.pop(event, 0), **fields)
        return True

    return warn
