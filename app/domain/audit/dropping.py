"""Whether a month that is not there any more was dropped because it was old enough, or is missing.

The entry that says so has left with its own month where that is long ago. So what cannot be asked any more is believed,
and it takes a chain of dropped months, each of which had to be told, to make anything so old.
"""

from datetime import timedelta

from app.database.executor import Reader
from app.domain.audit import chain_repository as repository
from app.domain.audit.chain_repository import Place, span_of

KEPT_AT_LEAST = timedelta(days=90)  # as audit_policy has it


async def is_dropped_with_reason(reader: Reader, place: Place, number: int) -> bool:
    """True if an entry says that this chain was dropped as far as `number`, or such an entry may have left as well.

    Two statements.
    """
    _, end = span_of(place.month)
    earliest = end + KEPT_AT_LEAST
    for drop in await repository.drops(reader):
        if drop.month == place.month and drop.ends.get(place.chain) == number and drop.at >= earliest:
            return True
    dropped = [other.month for other, head in (await repository.heads(reader)).items() if head.dropped_number]
    return max(dropped) >= earliest.date().replace(day=1)
