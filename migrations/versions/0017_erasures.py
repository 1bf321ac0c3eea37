"""Erasures: which accounts were erased, by a digest that outlives them, and which are due.

Works with the previous release, which never sets deletion_scheduled_at. Down: what was erased stays erased; the list of
it is dropped, so `todo erasures export` it first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

INDEX = "ix_users_deletion_scheduled_at"

# As before, but a thousand entries at a time, so that nobody's activity makes one statement too long; each time with an
# entry that says so, and without one where nothing is left. The release before never calls it, so it stays so.
FORGET_SOME = """
CREATE OR REPLACE FUNCTION public.audit_forget(person uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entry_id uuid := gen_random_uuid();
    moments timestamptz[];
    ids uuid[];
BEGIN
    IF EXISTS (SELECT FROM public.users WHERE id = person) THEN
        RAISE EXCEPTION 'only who has no account any more is forgotten' USING ERRCODE = 'object_in_use';
    END IF;
    SELECT array_agg(found.at), array_agg(found.id) INTO moments, ids
    FROM (
        SELECT log.at, log.id FROM public.audit_log AS log
        WHERE log.salt IS NOT NULL AND (log.address IS NOT NULL OR log.changed IS NOT NULL)
            AND (log.actor_id = person OR (log.subject_kind = 'user' AND log.subject_id = person::text))
        LIMIT 1000
    ) AS found;
    IF ids IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE public.audit_log AS log SET salt = NULL, address = NULL, changed = NULL, forgotten_by = entry_id
    FROM unnest(moments, ids) AS found (at, id)
    WHERE log.at = found.at AND log.id = found.id AND log.salt IS NOT NULL;
    PERFORM public.audit_tell(entry_id, 'person.forgotten', person, NULL);
    RETURN cardinality(ids);
END
$$
"""


def upgrade() -> None:
    # First, since it commits what was before it; what a failed attempt has left is made anew.
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, table_name="users", postgresql_concurrently=True, if_exists=True)
        op.create_index(
            INDEX,
            "users",
            ["deletion_scheduled_at"],
            postgresql_where=sa.text("deletion_scheduled_at IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
    op.create_table(
        "erasures",
        sa.Column("subject_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(user_id IS NULL) = (finished_at IS NOT NULL)", name=op.f("ck_erasures_nobody_when_finished")
        ),
        sa.PrimaryKeyConstraint("subject_hash", name=op.f("pk_erasures")),
    )
    op.create_index("ix_erasures_unfinished", "erasures", ["began_at"], postgresql_where=sa.text("finished_at IS NULL"))
    op.execute(FORGET_SOME)


def downgrade() -> None:
    op.drop_table("erasures")
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, table_name="users", postgresql_concurrently=True, if_exists=True)
