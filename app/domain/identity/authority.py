"""What issues and recognises proofs of identity, built once from the settings and handed to every command."""

from dataclasses import dataclass
from datetime import timedelta

from app.domain.identity.access_tokens import AccessTokens
from app.domain.identity.passwords import Passwords
from app.domain.identity.refresh_tokens import RefreshTokens
from app.domain.identity.session import Lifetimes, Opened, Tokens
from app.setting_groups import SecuritySettings


@dataclass(frozen=True)
class Authority:
    """Passwords, both kinds of tokens, how long sessions live and how many. Close it to end the password threads."""

    passwords: Passwords
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    lifetimes: Lifetimes
    sessions_per_user: int

    def tokens(self, opened: Opened, refresh_token: str) -> Tokens:
        """What the client gets for a session that was opened or refreshed."""
        return Tokens(
            session_id=opened.id,
            access_token=self.access_tokens.issue(opened.user_id, opened.id),
            expires_in=self.access_tokens.lifetime_seconds,
            refresh_token=refresh_token,
            refresh_expires_in=opened.refresh_expires_in,
        )

    def close(self) -> None:
        """Ends the password threads."""
        self.passwords.close()


def authority(security: SecuritySettings) -> Authority:
    """The authority of a service with these settings. Takes some 20 ms, for one password hash."""
    return Authority(
        passwords=Passwords(threads=security.password_threads),
        access_tokens=AccessTokens(security),
        refresh_tokens=RefreshTokens(security),
        lifetimes=Lifetimes(
            idle=timedelta(days=security.session_idle_days),
            absolute=timedelta(days=security.session_absolute_days),
            grace=timedelta(seconds=security.refresh_grace_seconds),
            fresh=timedelta(minutes=security.step_up_minutes),
        ),
        sessions_per_user=security.sessions_per_user,
    )
