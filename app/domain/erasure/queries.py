"""What is known of erasures."""

from app.database.executor import Reader
from app.domain.erasure import repository
from app.erasure_ledger import Erased


async def erasures(reader: Reader) -> list[Erased]:
    """All that have begun, the oldest first, as digests. One statement."""
    return await repository.every(reader)
