"""What the roles of a database may do: the service's, which is a member of `todo_app`, and the owner's, who migrates.

Refuses to know what the rights are: the migrations say that.
"""

import asyncpg

SERVICE_ROLE = "todo_service"
SETTLING_LOCK = 0x746F646F_01  # beside that of the migrations

_MAKE_SERVICE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'todo_app') THEN
        CREATE ROLE todo_app NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'todo_service') THEN
        CREATE ROLE todo_service LOGIN IN ROLE todo_app;
    END IF;
END
$$
"""


async def make_service_role(superuser_url: str) -> None:
    """Makes the role that the service connects as where no password is asked, as in embedded servers, once."""
    connection = await asyncpg.connect(superuser_url)
    try:
        await connection.execute(_MAKE_SERVICE)
    finally:
        await connection.close()


async def settle(owner_url: str, *, audit_kept_days: int) -> bool:
    """What the owner decides after each migration: the rights of the application, and how long the audit log is kept.

    Changes nothing the second time. False if the server has no role `todo_app` that could be given any rights.
    """
    connection = await asyncpg.connect(owner_url)
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '4s'")
            # Two at once would change the same rows of the catalog, which PostgreSQL refuses instead of waiting.
            await connection.execute("SELECT pg_advisory_xact_lock($1)", SETTLING_LOCK)
            has_role: bool = await connection.fetchval("SELECT public.grant_to_application()")
            await connection.execute("SELECT public.audit_keep($1)", audit_kept_days)
        return has_role
    finally:
        await connection.close()
