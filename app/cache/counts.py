"""What became of every look into the cache, by kind of value."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class KindCounts:
    """Since the process started. A look ends in exactly one of the first four; a stale one was found and refused."""

    process_hits: int = 0
    redis_hits: int = 0
    misses: int = 0
    bypassed: int = 0
    stale: int = 0
    fills: int = 0
    negative_hits: int = 0
    shared_loads: int = 0
    early_refreshes: int = 0


@dataclass(slots=True)
class Counts:
    """Of one process."""

    kinds: dict[str, KindCounts] = field(default_factory=dict)
    touches: dict[str, int] = field(default_factory=dict)
    lost_touches: int = 0
    repeated_touches: int = 0

    def of(self, kind: str) -> KindCounts:
        """The counts of one kind."""
        found = self.kinds.get(kind)
        if found is None:
            found = self.kinds[kind] = KindCounts()
        return found

    def touched(self, tags: tuple[str, ...]) -> None:
        """Counts touches by tag family: what stands before the colon."""
        for tag in tags:
            family = tag.partition(":")[0]
            self.touches[family] = self.touches.get(family, 0) + 1
