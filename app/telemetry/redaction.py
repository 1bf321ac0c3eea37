"""What must never reach a log: secrets by the name of their field, and secrets by their shape inside any text.

The last line of defence, not the first: callers do not log bodies, tokens or addresses to begin with.
"""

import functools
import re

from structlog.typing import EventDict, WrappedLogger

REDACTED = "[redacted]"
_MAX_DEPTH = 8
_MAX_CHARACTERS = 16_384

_SECRET_NAME = re.compile(
    r"passw|passphrase|secret|token|authorization|cookie|credential|api[_-]?key|email|address|phone", re.IGNORECASE
)
# Abuse is traced by the peer's network address, and to a program by the id of its API key (which opens nothing): both
# are logged on purpose, and under these names only.
_PUBLIC_NAMES = frozenset({"api_key_id", "client_address"})

# Each alternative begins with a fixed text or at the edge of a word, so that no input makes the search quadratic.
_SECRET_TEXT = re.compile(
    r"""
      (?<![\w-]) (?i:bearer|basic) \s+ [\w.~+/=-]+            # an Authorization value
    | (?<![\w-]) eyJ [\w-]+ \. [\w-]+ \. [\w-]*               # a JWT
    | todo_pat_ [\w-]+                                        # a personal access token of ours
    | (?<=://) [^/\s:@]{0,256} : [^/\s@]{1,256} (?=@)         # user and password in a URL
    | (?<![\w.+-]) [\w.+-]{1,64} @ [\w-]{1,63} (?:\.[\w-]{1,63}){1,8}  # a mail address
    | (?<=input_value=) .{1,2048}? (?=,\ input_type)          # what pydantic was given
    | (?<=DETAIL:) .+                                         # PostgreSQL quotes the row
    """,
    re.VERBOSE | re.DOTALL,
)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: `event` with secret fields and secret-shaped texts replaced by `[redacted]`.

    Runs after exceptions have become text, since their messages quote what they choked on.
    """
    return {key: REDACTED if is_secret_name(key) else _value(value, _MAX_DEPTH) for key, value in event.items()}


def redact_text(text: str) -> str:
    """`text`, cut at 16,384 characters, with everything that looks like a secret replaced."""
    return _SECRET_TEXT.sub(REDACTED, text[:_MAX_CHARACTERS])


@functools.lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """True if a field of this name is never written out, whatever it holds."""
    return name not in _PUBLIC_NAMES and _SECRET_NAME.search(name) is not None


def _value(value: object, levels: int) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact_text(value)
    if levels and isinstance(value, dict):
        return {
            str(key): REDACTED if is_secret_name(str(key)) else _value(item, levels - 1) for key, item in value.items()
        }
    if levels and isinstance(value, list | tuple | set | frozenset):
        return [_value(item, levels - 1) for item in value]
    # Everything else is made into text here: the renderer would do so too, but after the redaction.
    return redact_text(repr(value) if isinstance(value, BaseException) else str(value))
