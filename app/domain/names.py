"""The names that people give to things: one line of free text, trimmed, of bounded length."""

from app.domain.errors import invalid
from app.domain.text import single_line


def checked_name(name: str, *, maximum: int, member: str = "name") -> str:
    """`name` as it is stored. Raises Invalid about `member` unless 1 to `maximum` characters remain of one line."""
    try:
        trimmed = single_line(name).strip()
    except ValueError as refused:
        raise invalid(f"#/{member}", "UNUSABLE_TEXT", f"{member} {refused}.") from None
    if not 1 <= len(trimmed) <= maximum:
        raise invalid(
            f"#/{member}", "LENGTH", f"{member} must have 1 to {maximum} characters besides surrounding space."
        )
    return trimmed
