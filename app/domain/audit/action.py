"""What the audit log has words for. The words are stored for as long as the log is: add, never rename."""

from enum import StrEnum


class Action(StrEnum):
    """One kind of event: what it is about, a dot, what happened to it."""

    REGISTERED = "account.registered"
    LOGGED_IN = "session.opened"
    LOGGED_OUT = "session.closed"
    LOGGED_OUT_EVERYWHERE = "session.all_closed"
    SESSION_REVOKED = "session.revoked"
    REFRESH_TOKEN_REUSED = "session.refresh_token_reused"  # noqa: S105 - an event, not a token
    PASSWORD_CHANGED = "account.password_changed"  # noqa: S105 - an event, not a password
    ACCESS_CHANGED = "account.access_changed"
    ACCESS_REFUSED = "access.refused"
