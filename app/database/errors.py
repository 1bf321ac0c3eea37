"""What can go wrong at the database, without a word of HTTP."""

from typing import NoReturn

import asyncpg


class DatabaseUnavailable(Exception):
    """PostgreSQL cannot answer now; the same call may succeed later.

    `code` is stable; `retry_after_seconds` is a hint for the client. When `outcome_unknown` is true a COMMIT was
    sent and its answer never came: the write may or may not have happened.
    """

    def __init__(self, code: str, *, retry_after_seconds: int = 1, outcome_unknown: bool = False) -> None:
        self.code = code
        self.retry_after_seconds = retry_after_seconds
        self.outcome_unknown = outcome_unknown
        super().__init__(code)


class ConstraintViolated(Exception):
    """A named constraint refused the write; repositories turn the name into a domain error."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,  # Too many connections, a full disk.
    asyncpg.ReadOnlySQLTransactionError,  # What was the primary is not any more.
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
)
OUT_OF_TIME = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError, TimeoutError)
TRY_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


def raise_translated(error: BaseException) -> NoReturn:
    """Raises what callers of the executor see for a driver's error: DatabaseUnavailable or ConstraintViolated.

    Anything else is a bug or a cancellation and is raised as it is.
    """
    if isinstance(error, OUT_OF_TIME):  # before CONNECTION_LOST: TimeoutError is an OSError
        raise DatabaseUnavailable("DATABASE_TIMEOUT") from error
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        raise ConstraintViolated(error.constraint_name or "") from error
    if isinstance(error, TRY_AGAIN):
        raise DatabaseUnavailable("DATABASE_CONTENTION") from error
    if isinstance(error, CONNECTION_LOST):
        raise DatabaseUnavailable("DATABASE_UNAVAILABLE") from error
    raise error
