"""Scripts that Redis runs: sent by their digest, and as a whole to a server that does not know them yet."""

import hashlib
from typing import Any

import hiredis

from app.redis.connecting import Connected


class Script:
    """One script. Its keys lie in one slot, so that a cluster can run it as well."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, connected: Connected, keys: tuple[str, ...], *arguments: str | float) -> Any:
        """What the script returns. One round trip, a second once after a restart of the server.

        Raises RedisUnavailable, and hiredis.ReplyError for what the script does wrong.
        """
        pipeline = connected.of(keys[0])
        try:
            return await pipeline.ask("EVALSHA", self.digest, len(keys), *keys, *arguments)
        except hiredis.ReplyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        return await pipeline.ask("EVAL", self.text, len(keys), *keys, *arguments)
