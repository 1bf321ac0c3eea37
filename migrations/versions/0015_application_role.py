"""The role `todo_app`, of which whoever serves is a member: it has what the service needs, and only adds to the log.

Works with the previous release, which connects as the owner and may go on so. Down: its rights in this database go, and
the role itself unless another database of the server needs it.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# Roles belong to the server, not to this database: another one's migration may make it at the same moment.
MAKE_ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'todo_app') THEN
        CREATE ROLE todo_app NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;
    WHEN insufficient_privilege THEN
        RAISE WARNING 'The role todo_app does not exist and % may not make it. Until a superuser has said'
            ' CREATE ROLE todo_app NOLOGIN, and `todo migrate` has run again, the service can only run as %,'
            ' who can change the audit log.', current_user, current_user;
END
$$
"""

# Run after every migration. Tables that later ones make are the application's from the start, by default privileges; so
# what must not be is taken away here, and partitions, which are made while it serves, take it away themselves.
GRANT = """
CREATE FUNCTION public.grant_to_application() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'todo_app') THEN
        RETURN false;
    END IF;
    GRANT USAGE ON SCHEMA public TO todo_app;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO todo_app;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO todo_app;
    FOR name IN
        SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE')
    LOOP
        IF name IN ('alembic_version', 'audit_log', 'audit_chains', 'audit_policy') THEN
            EXECUTE format('REVOKE ALL ON public.%I FROM todo_app', name);
            EXECUTE format('GRANT SELECT ON public.%I TO todo_app', name);
        ELSIF name LIKE 'audit\\_log\\_%' THEN
            EXECUTE format('REVOKE ALL ON public.%I FROM todo_app', name);
        ELSE
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON public.%I TO todo_app', name);
        END IF;
    END LOOP;
    FOR name IN
        SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' AND pg_has_role(relowner, 'USAGE')
    LOOP
        EXECUTE format('GRANT USAGE ON SEQUENCE public.%I TO todo_app', name);
    END LOOP;
    GRANT EXECUTE ON FUNCTION public.audit_append(json), public.audit_make_months(), public.audit_drop_months(),
        public.audit_forget(uuid) TO todo_app;
    RETURN true;
END
$$
"""

REVOKE = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'todo_app') THEN
        ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM todo_app;
        ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON SEQUENCES FROM todo_app;
        REVOKE ALL ON ALL TABLES IN SCHEMA public FROM todo_app;
        REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM todo_app;
        REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM todo_app;
        REVOKE ALL ON SCHEMA public FROM todo_app;
    END IF;
END
$$
"""
DROP_ROLE = """
DO $$
BEGIN
    DROP ROLE IF EXISTS todo_app;
EXCEPTION
    WHEN dependent_objects_still_exist OR insufficient_privilege THEN
        NULL;
END
$$
"""


def upgrade() -> None:
    op.execute(MAKE_ROLE)
    op.execute(GRANT)
    op.execute("REVOKE ALL ON FUNCTION public.grant_to_application() FROM PUBLIC")
    op.execute("SELECT public.grant_to_application()")


def downgrade() -> None:
    op.execute("DROP FUNCTION public.grant_to_application()")
    op.execute(REVOKE)
    op.execute(DROP_ROLE)
