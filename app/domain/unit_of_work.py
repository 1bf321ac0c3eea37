"""One write, whole or not at all. The only place in the domain that opens a transaction, and so commits."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from app.database.errors import ConstraintViolated
from app.database.executor import Database, Transaction
from app.domain.errors import DomainError

ConstraintErrors = Mapping[str, Callable[[], DomainError]]


@asynccontextmanager
async def unit_of_work(database: Database) -> AsyncIterator[Transaction]:
    """Everything written inside is committed when the block ends, and undone if it raises.

    Costs one round trip for BEGIN and one for COMMIT. Raises DatabaseUnavailable.
    """
    async with database.transaction() as transaction:
        yield transaction


@contextmanager
def refusals(errors: ConstraintErrors) -> Iterator[None]:
    """Turns a violated constraint into the domain error listed under its name; others pass on as bugs."""
    try:
        yield
    except ConstraintViolated as violated:
        if violated.name not in errors:
            raise
        refusal = errors[violated.name]()
        raise refusal from violated
