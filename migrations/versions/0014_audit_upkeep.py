"""The audit log's upkeep: old months go, people can be forgotten, and both leave an entry.

Works with the previous release, which knows nothing of it. Down: what has been dropped or forgotten stays so.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# How long the log is kept is decided by whoever owns it: the service may only ask for what is due.
KEEP = """
CREATE FUNCTION public.audit_keep(days integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before integer;
BEGIN
    SELECT kept_days INTO STRICT before FROM public.audit_policy FOR UPDATE;
    IF before <> days THEN
        UPDATE public.audit_policy SET kept_days = days;
        PERFORM public.audit_tell(gen_random_uuid(), 'audit.retention_changed', NULL, json_build_object(
            'days', json_build_array(before, days)));
    END IF;
END
$$
"""

# An entry that the database writes by itself, about what only it can do.
TELL = """
CREATE FUNCTION public.audit_tell(entry_id uuid, what text, person uuid, changes json) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO public.audit_log (id, actor_kind, action, outcome, subject_kind, subject_id, changed)
    VALUES (entry_id, 'system', what, 'done', CASE WHEN person IS NOT NULL THEN 'user' END, person::text, changes)
$$
"""

# What the service may ask for takes no argument: it could fill the server with months otherwise. Whoever waits for a
# lock on the log holds up everybody who wants to write to it: a second, and the worker tries again another time.
MAKE_MONTHS = """
CREATE FUNCTION public.audit_make_months() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s'
AS $$
    SELECT count(*) FILTER (WHERE public.audit_make_month(
        ((now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date))
    FROM generate_series(0, 3) AS ahead
$$
"""

# Months that lie in the default partition get one of their own first, so that every month goes in the same way. What is
# left of a dropped month is where its chains ended: whatever is still added to it follows from there.
DROP_MONTHS = """
CREATE FUNCTION public.audit_drop_months() RETURNS SETOF date
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s'
AS $$
DECLARE
    due timestamp := (now() AT TIME ZONE 'UTC')
        - make_interval(days => (SELECT kept_days::int FROM public.audit_policy)) - interval '1 month';
    old date;
    counts json;
BEGIN
    -- Two at once would both mean to drop the same: the second finds nothing left to do.
    PERFORM 1 FROM public.audit_policy FOR UPDATE;
    FOR old IN
        SELECT DISTINCT month FROM public.audit_chains WHERE month <= due AND number > dropped_number ORDER BY month
    LOOP
        PERFORM public.audit_make_month(old);
        EXECUTE format('DROP TABLE public.%I', 'audit_log_' || to_char(old, 'YYYY_MM'));
        SELECT json_agg(json_build_array(chain, number) ORDER BY chain) INTO counts
        FROM public.audit_chains WHERE month = old;
        UPDATE public.audit_chains SET dropped_number = number, dropped_hash = hash WHERE month = old;
        PERFORM public.audit_tell(gen_random_uuid(), 'audit.month_dropped', NULL, json_build_object(
            'month', json_build_array(to_char(old, 'YYYY-MM'), NULL), 'rows', json_build_array(counts, NULL)));
        RETURN NEXT old;
    END LOOP;
END
$$
"""

# What tells a person: from where they did it, and the values. What they did stays, under an id that is nobody's now.
# The entry that is the reason comes last, so that it is never in a month before that of a row that it is about.
FORGET = """
CREATE FUNCTION public.audit_forget(person uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entry_id uuid := gen_random_uuid();
    forgotten bigint;
BEGIN
    IF EXISTS (SELECT FROM public.users WHERE id = person) THEN
        RAISE EXCEPTION 'only who has no account any more is forgotten' USING ERRCODE = 'object_in_use';
    END IF;
    UPDATE public.audit_log SET salt = NULL, address = NULL, changed = NULL, forgotten_by = entry_id
    WHERE salt IS NOT NULL AND (address IS NOT NULL OR changed IS NOT NULL)
        AND (actor_id = person OR (subject_kind = 'user' AND subject_id = person::text));
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    PERFORM public.audit_tell(entry_id, 'person.forgotten', person, NULL);
    RETURN forgotten;
END
$$
"""

# The one change that the owner may make is the one that audit_forget makes, and it has to name its reason.
REFUSE = """
CREATE OR REPLACE FUNCTION public.audit_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.salt IS NOT NULL AND NEW.forgotten_by IS NOT NULL THEN
        OLD.salt := NULL;
        OLD.address := NULL;
        OLD.changed := NULL;
        OLD.forgotten_by := NEW.forgotten_by;
        IF OLD::text = NEW::text THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END
$$
"""
REFUSE_ALL = """
CREATE OR REPLACE FUNCTION public.audit_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END
$$
"""

# Writers of the log wait for it; a partitioned table has no other way, and few entries have a place in it.
REFUSED = """
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX ix_audit_log_refused ON audit_log (at, id) WHERE outcome = 'refused'
"""

FUNCTIONS = {
    "audit_tell(uuid, text, uuid, json)": TELL,
    "audit_keep(integer)": KEEP,
    "audit_make_months()": MAKE_MONTHS,
    "audit_drop_months()": DROP_MONTHS,
    "audit_forget(uuid)": FORGET,
}


def upgrade() -> None:
    op.add_column("audit_log", sa.Column("forgotten_by", sa.UUID(), nullable=True))
    op.execute(REFUSED)
    op.create_table(
        "audit_policy",
        sa.Column("is_policy", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("kept_days", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("is_policy", name=op.f("ck_audit_policy_is_only_one")),
        sa.CheckConstraint("kept_days >= 90", name=op.f("ck_audit_policy_kept_days")),
        sa.PrimaryKeyConstraint("is_policy", name=op.f("pk_audit_policy")),
    )
    op.execute("INSERT INTO audit_policy (kept_days) VALUES (365)")
    op.execute(REFUSE)
    for signature, function in FUNCTIONS.items():
        op.execute(function)
        op.execute(f"REVOKE ALL ON FUNCTION public.{signature} FROM PUBLIC")


def downgrade() -> None:
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION public.{signature}")
    op.execute(REFUSE_ALL)
    op.drop_table("audit_policy")
    op.drop_index("ix_audit_log_refused", table_name="audit_log")
    op.drop_column("audit_log", "forgotten_by")
