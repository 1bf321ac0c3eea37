"""The Redis client of the hot path: short time limits, no retries. Redis is optional; without a URL there is none."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.settings import RedisSettings

CONNECT_SECONDS = 0.25
ANSWER_SECONDS = 0.25


def connect(settings: RedisSettings) -> "Redis | None":
    """A client that connects at its first command, or None if no Redis is configured."""
    url = settings.url.get_secret_value()
    if not url:
        return None
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
        client_name="todo",
    )
