"""Rows that a transaction hands to the server in the same message as COMMIT.

For what locks something that many want: the lock is then held for no round trip and no turn of the event loop, only
for as long as the server needs to commit.
"""

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Closing:
    """A function of the database that takes a JSON list of rows. Its name comes from the code, never from data."""

    function: str

    def call(self, rows: list[bytes]) -> str:
        """The statement that hands the rows over, all written out."""
        # Hexadecimal has no quote, whatever is in the rows and however the server reads strings.
        entries = (b"[" + b",".join(rows) + b"]").hex()
        return f"SELECT {self.function}(convert_from(decode('{entries}', 'hex'), 'UTF8')::json)"


def closing_row(values: object) -> bytes:
    """The fields of `values` as one row. Raises TypeError and UnicodeEncodeError for what JSON cannot say."""
    return msgspec.json.encode(values)
