"""What the audit log has words for. The words are stored for as long as the log is: add, never rename."""

from enum import StrEnum


class Action(StrEnum):
    """One kind of event: what it is about, a dot, what happened to it."""

    REGISTERED = "account.registered"
    PASSWORD_CHANGED = "account.password_changed"  # noqa: S105 - an event, not a password
    PASSWORD_RESET_ASKED = "account.password_reset_asked"  # noqa: S105 - as above; without a subject: no such account
    PASSWORD_RESET = "account.password_reset"  # noqa: S105 - as above
    EMAIL_CHANGE_ASKED = "account.email_change_asked"
    EMAIL_CHANGED = "account.email_changed"
    ACCESS_CHANGED = "account.access_changed"  # active or not, and the roles
    DELETION_SCHEDULED = "account.deletion_scheduled"
    DELETION_CANCELLED = "account.deletion_cancelled"
    ERASED = "account.erased"
    LOGGED_IN = "session.opened"
    LOGGED_OUT = "session.closed"
    LOGGED_OUT_EVERYWHERE = "session.all_closed"
    LOGGED_OUT_ELSEWHERE = "session.others_closed"
    PROVED = "session.proved"  # the step-up before what is sensitive
    SESSION_REVOKED = "session.revoked"
    REFRESH_TOKEN_REUSED = "session.refresh_token_reused"  # noqa: S105 - an event, not a token
    TEAM_CREATED = "team.created"
    TEAM_CHANGED = "team.changed"
    TEAM_DELETED = "team.deleted"
    MEMBER_ADDED = "member.added"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    MEMBER_REMOVED = "member.removed"
    PROJECT_CHANGED = "project.changed"
    PROJECT_TRASHED = "project.trashed"
    PROJECT_RESTORED = "project.restored"
    TODO_CHANGED = "todo.changed"
    TODO_TRASHED = "todo.trashed"
    TODO_RESTORED = "todo.restored"
    TAG_CHANGED = "tag.changed"
    TAG_DELETED = "tag.deleted"
    TAG_MERGED = "tag.merged"
    TRASH_PURGED = "trash.purged"
    KEYS_ROTATED = "keys.rotated"
    API_KEY_CREATED = "api_key.created"
    API_KEY_ROTATED = "api_key.rotated"
    API_KEY_REVOKED = "api_key.revoked"
    ACCESS_REFUSED = "access.refused"
    ADDRESS_BLOCKED = "address.blocked"
    BLOCK_LIFTED = "address.block_lifted"
    LOGIN_CHALLENGED = "session.challenged"
    SECOND_FACTOR_ADDED = "second_factor.added"
    SECOND_FACTOR_REMOVED = "second_factor.removed"
    SECOND_FACTOR_PROVED = "second_factor.proved"
    SECOND_FACTOR_REFUSED = "second_factor.refused"
    SECOND_FACTOR_CODE_SENT = "second_factor.code_sent"
    SECOND_FACTORS_RESET = "second_factor.all_removed"
    RECOVERY_CODES_MADE = "second_factor.recovery_codes_made"
    EXPORT_ASKED = "export.asked"
    EXPORT_BUILT = "export.built"
    EXPORT_GIVEN_UP = "export.given_up"
    EXPORT_FETCHED = "export.fetched"
    AUDIT_READ = "audit.read"
    # These three are written by the database itself.
    MONTH_DROPPED = "audit.month_dropped"
    RETENTION_CHANGED = "audit.retention_changed"
    PERSON_FORGOTTEN = "person.forgotten"
