"""What this process keeps of the cache: bounded in bytes, the least recently used goes first."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from app.cache.entries import Entry

# What an entry costs besides its value: the objects around it, its tags and its key. Measured 2026-11-21 as about 900.
OVERHEAD_BYTES = 1000


class Bodies:
    """Entries by key. Knows nothing of their truth: that is asked of Redis each time."""

    def __init__(self, maximum_bytes: int) -> None:
        self._maximum_bytes = maximum_bytes
        self._entries: OrderedDict[str, Entry[Any]] = OrderedDict()
        self.used_bytes = 0
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Entry[Any] | None:
        """The entry, which is then the most recently used."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: str, entry: Entry[Any]) -> None:
        """Keeps the entry, in the place of others if need be. One that is larger than an eighth of all is not kept."""
        self.drop(key)
        if entry.size_bytes > self._maximum_bytes // 8:
            return
        self._entries[key] = entry
        self.used_bytes += entry.size_bytes + OVERHEAD_BYTES
        self._make_room()

    def grow(self, key: str, entry: Entry[Any], added_bytes: int) -> None:
        """Says that `entry` has grown, for example by a compressed variant of itself."""
        if self._entries.get(key) is entry:
            entry.size_bytes += added_bytes
            self.used_bytes += added_bytes
            self._make_room()

    def drop(self, key: str) -> None:
        """Forgets an entry, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.used_bytes -= entry.size_bytes + OVERHEAD_BYTES

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self.used_bytes = 0

    def most_used(self, number: int) -> Iterator[tuple[str, Entry[Any]]]:
        """The entries with the most hits, at most `number`. Looks at all of them."""
        yield from sorted(self._entries.items(), key=lambda item: item[1].hits, reverse=True)[:number]

    def _make_room(self) -> None:
        while self.used_bytes > self._maximum_bytes and self._entries:
            _, entry = self._entries.popitem(last=False)
            self.used_bytes -= entry.size_bytes + OVERHEAD_BYTES
            self.evicted += 1
