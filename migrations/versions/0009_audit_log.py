"""The audit log: who did what to whom, from where; chained by hashes, one partition a month.

Works with the previous release: it only adds. Down: the log and all that is in it are dropped, so export it first.
The functions name the schema `public`: what runs with its owner's rights must not follow a caller's search_path.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# A field of what is hashed: its length in bytes, a colon, its text, a comma; "-," if it is NULL. No two lists of
# fields make the same text, and nothing in it depends on how a release of PostgreSQL writes a type.
FIELD = """
CREATE FUNCTION public.audit_field(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(octet_length(value) || ':' || value, '-') || ','
"""

# Which chain a connection writes to depends on nothing that it says, and one transaction stays in one chain, so that no
# two wait for each other. The UPDATE locks the head until COMMIT and sees the newest: no two rows follow the same.
CHAIN = """
CREATE FUNCTION public.audit_chain() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    month_of_row date := date_trunc('month', NEW.at AT TIME ZONE 'UTC');
    fields text;
    start bytea;
BEGIN
    NEW.chain := pg_backend_pid() % 8;
    NEW.salt := uuid_send(gen_random_uuid());
    NEW.seal := sha256(NEW.salt || convert_to(
        public.audit_field(NEW.address) || public.audit_field(NEW.changed::text), 'UTF8'));
    fields := public.audit_field((extract(epoch FROM NEW.at) * 1000000)::bigint::text)
        || public.audit_field(NEW.id::text)
        || public.audit_field(NEW.actor_kind)
        || public.audit_field(NEW.actor_id::text)
        || public.audit_field(NEW.token_id::text)
        || public.audit_field(NEW.action)
        || public.audit_field(NEW.outcome)
        || public.audit_field(NEW.subject_kind)
        || public.audit_field(NEW.subject_id)
        || public.audit_field(NEW.team_id::text)
        || public.audit_field(NEW.request_id)
        || public.audit_field(encode(NEW.seal, 'hex'));
    LOOP
        UPDATE public.audit_chains AS head
        SET number = head.number + 1,
            hash = sha256(head.hash || convert_to(public.audit_field((head.number + 1)::text) || fields, 'UTF8'))
        WHERE head.month = month_of_row AND head.chain = NEW.chain
        RETURNING head.number, head.hash INTO NEW.number, NEW.hash;
        EXIT WHEN FOUND;
        start := sha256(convert_to(
            public.audit_field(to_char(month_of_row, 'YYYY-MM')) || public.audit_field(NEW.chain::text), 'UTF8'));
        INSERT INTO public.audit_chains (month, chain, number, hash, dropped_number, dropped_hash)
        VALUES (month_of_row, NEW.chain, 0, start, 0, start)
        ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN NEW;
END
$$
"""

# The one way in for whoever is not the owner: time, place in the chain and hashes are not theirs to say.
APPEND = """
CREATE FUNCTION public.audit_append(entries json) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO public.audit_log (id, actor_kind, actor_id, token_id, action, outcome, subject_kind, subject_id,
        team_id, request_id, address, changed)
    SELECT id, actor_kind, actor_id, token_id, action, outcome, subject_kind, subject_id, team_id, request_id, address,
        changed::json
    FROM json_to_recordset(entries) AS entry (id uuid, actor_kind text, actor_id uuid, token_id uuid, action text,
        outcome text, subject_kind text, subject_id text, team_id uuid, request_id text, address text, changed text);
END
$$
"""

REFUSE = """
CREATE FUNCTION public.audit_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END
$$
"""

# Attached when it is complete, so that writers wait for the moment of attaching only. What the default partition took
# because nobody made the month in time is moved over with the hashes that it has: the chain is of the month, wherever
# its rows lie. Default privileges of the owner may have let others at the new table; nobody needs it by itself.
MAKE_MONTH = """
CREATE FUNCTION public.audit_make_month(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first timestamptz := date_trunc('month', day::timestamp) AT TIME ZONE 'UTC';
    following timestamptz := (date_trunc('month', day::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    name text := 'audit_log_' || to_char(day, 'YYYY_MM');
    grantee regrole;
BEGIN
    LOCK TABLE public.audit_log IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass('public.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.audit_log INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    FOR grantee IN
        SELECT DISTINCT acl.grantee FROM pg_class, aclexplode(relacl) AS acl
        WHERE oid = to_regclass('public.' || name) AND acl.grantee NOT IN (0, relowner)
    LOOP
        EXECUTE format('REVOKE ALL ON public.%I FROM %s', name, grantee);
    END LOOP;
    EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC', name);
    IF EXISTS (SELECT FROM public.audit_log_default WHERE at >= first AND at < following) THEN
        ALTER TABLE public.audit_log DETACH PARTITION public.audit_log_default;
        EXECUTE format(
            'INSERT INTO public.%I SELECT * FROM public.audit_log_default WHERE at >= $1 AND at < $2', name)
            USING first, following;
        DELETE FROM public.audit_log_default WHERE at >= first AND at < following;
        ALTER TABLE public.audit_log ATTACH PARTITION public.audit_log_default DEFAULT;
    END IF;
    EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.%I'
        ' FOR EACH STATEMENT EXECUTE FUNCTION public.audit_refuse()', name);
    EXECUTE format('ALTER TABLE public.audit_log ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        name, first, following);
    RETURN true;
END
$$
"""

FUNCTIONS = {
    "audit_append(json)": APPEND,
    "audit_make_month(date)": MAKE_MONTH,
    "audit_refuse()": REFUSE,
    "audit_chain()": CHAIN,
    "audit_field(text)": FIELD,
}
MONTHS_AHEAD = 3


def upgrade() -> None:
    op.create_table(
        "audit_chains",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("chain", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("dropped_number", sa.BigInteger(), nullable=False),
        sa.Column("dropped_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("month", "chain", name=op.f("pk_audit_chains")),
    )
    # A few rows that change all the time: room beside each for its next version, and vacuumed by number, not by share.
    op.execute(
        "ALTER TABLE audit_chains SET"
        " (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)"
    )
    op.create_table(
        "audit_log",
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.UUID(), nullable=True),
        sa.Column("token_id", sa.UUID(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Text(), nullable=True),
        sa.Column("team_id", sa.UUID(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("changed", postgresql.JSON(), nullable=True),
        sa.Column("chain", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "actor_kind IN ('user', 'token', 'anonymous', 'system', 'operator')", name=op.f("ck_audit_log_actor_kind")
        ),
        sa.CheckConstraint("outcome IN ('done', 'refused')", name=op.f("ck_audit_log_outcome")),
        sa.PrimaryKeyConstraint("at", "id", name=op.f("pk_audit_log")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_audit_log_chain", "audit_log", ["chain", "number"], unique=False)
    op.create_index("ix_audit_log_actor", "audit_log", ["actor_id", "at", "id"], unique=False)
    op.create_index("ix_audit_log_subject", "audit_log", ["subject_kind", "subject_id", "at", "id"], unique=False)
    op.create_index("ix_audit_log_team", "audit_log", ["team_id", "at", "id"], unique=False)
    op.create_index("ix_audit_log_action", "audit_log", ["action", "at", "id"], unique=False)
    op.create_index("ix_audit_log_request", "audit_log", ["request_id"], unique=False)
    for function in reversed(FUNCTIONS.values()):
        op.execute(function)
    for signature in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION public.{signature} FROM PUBLIC")
    op.execute("CREATE TABLE audit_log_default PARTITION OF audit_log DEFAULT")
    op.execute("CREATE TRIGGER chain BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION public.audit_chain()")
    op.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION public.audit_refuse()"
    )
    for table in ("audit_log", "audit_log_default", "audit_chains"):
        op.execute(
            f"CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION public.audit_refuse()"
        )
    for ahead in range(MONTHS_AHEAD + 1):
        op.execute(f"SELECT public.audit_make_month((now() AT TIME ZONE 'UTC' + interval '{ahead} months')::date)")


def downgrade() -> None:
    op.drop_table("audit_log")
    op.drop_table("audit_chains")
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION public.{signature}")
