"""Text messages through a provider's HTTP interface: one JSON object for each, any 2xx means taken."""

import json

import httpx
import stamina

from app.outbound.http_client import HttpClient
from app.outbound.provider import DeliveryFailed, Outgoing

ATTEMPTS = 3
RETRY_SECONDS = 15.0
# Any other 4xx says that this message will never be taken; these say that it may be later, or that ours is the fault.
MENDABLE = frozenset({401, 402, 403, 404, 405, 407, 408, 421, 423, 425, 429})


class HttpSms:
    """Sends each message under its id as Idempotency-Key, so that repeating it is harmless."""

    def __init__(self, client: HttpClient, url: str, token: str) -> None:
        self._client = client
        self._url = url
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    async def deliver(self, outgoing: Outgoing) -> None:
        """As Provider says. Tries three times within seconds; whoever calls may try again later."""
        body = json.dumps({"id": str(outgoing.id), "to": outgoing.to, "text": outgoing.text}).encode()
        headers = {**self._headers, "Idempotency-Key": str(outgoing.id)}
        async for attempt in stamina.retry_context(
            on=_is_worth_repeating, attempts=ATTEMPTS, timeout=RETRY_SECONDS, wait_initial=0.2, wait_max=2.0
        ):
            with attempt:
                await self._once(body, headers)

    async def close(self) -> None:
        """As Provider says."""
        await self._client.close()

    async def _once(self, body: bytes, headers: dict[str, str]) -> None:
        try:
            answer = await self._client.post(self._url, content=body, headers=headers)
        except (httpx.TransportError, TimeoutError) as error:
            raise _Unanswered(type(error).__name__) from error
        if answer.status >= 500 or answer.status == 429:
            raise _Unanswered(f"status {answer.status}")
        if not 200 <= answer.status < 300:
            is_final = answer.status >= 400 and answer.status not in MENDABLE
            raise DeliveryFailed(f"status {answer.status}", is_final=is_final)


class _Unanswered(DeliveryFailed):
    """Perhaps taken, perhaps not; worth another attempt at once."""


def _is_worth_repeating(error: Exception) -> bool:
    return isinstance(error, _Unanswered)
