"""Sending codes by SMS and mail. How often is limited for each user and for each number, since every SMS costs money.

The answer is the same whether or not a message arrives: it is stored with the code, and sent afterwards.
"""

from collections.abc import Iterable
from datetime import timedelta

from app.database.executor import Reader, Transaction
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.errors import TooManyAttempts
from app.domain.ids import UserId
from app.domain.messages import commands as messages
from app.domain.messages.message import Message
from app.domain.second_factors import code_repository, codes, repository
from app.domain.second_factors.factor import Factor, Method
from app.domain.second_factors.keys import FactorKeys
from app.domain.second_factors.totp import ISSUER
from app.field_encryption import FieldCipher

DAILY_MAXIMUM = 10
WINDOW = timedelta(days=1)
PAUSE = timedelta(seconds=30)
COUNTED_AS = "code_sendings.recipient_index"


async def addressee(reader: Reader, user_id: UserId, method: Method) -> Factor | None:
    """The user's confirmed factor of this kind, if it is one that codes are sent for."""
    for factor in await repository.confirmed(reader, user_id):
        if factor.method is method and method is not Method.TOTP:
            return factor
    return None


async def send_code(work: Transaction, keys: FactorKeys, factor: Factor, *, email: str) -> None:
    """Sends a new code for a factor, by SMS or to `email`; the one before is worth nothing once `work` is committed.

    Raises TooManyAttempts within 30 seconds of the last one, and after ten in a day to one user or one number. What is
    sent to confirm a number is counted apart from what goes to those who have confirmed it.
    """
    to = keys.opened(factor) if factor.method is Method.SMS else email
    recipients = [keys.cipher.blind_index(text, purpose=COUNTED_AS) for text in _recipients(factor, to)]
    code = keys.codes.new()
    text = (
        f"{code} is your code for the {ISSUER.lower()}, for {codes.LIFETIME.seconds // 60} minutes. "
        "Tell it to nobody: we never ask for it."
    )
    for recipient in recipients:
        if not await code_repository.admit_sending(work, recipient, maximum=DAILY_MAXIMUM, window=WINDOW, pause=PAUSE):
            seconds = await code_repository.seconds_until_sending(
                work, recipient, maximum=DAILY_MAXIMUM, window=WINDOW, pause=PAUSE
            )
            raise TooManyAttempts(
                f"A code was sent a moment ago, or {DAILY_MAXIMUM} were within a day.",
                retry_after_seconds=max(seconds, 1),
            )
    await repository.set_code(work, factor.id, keys.codes.hash(factor.id, code), lifetime=codes.LIFETIME)
    message = Message(
        kind="second_factor_code",
        channel="sms" if factor.method is Method.SMS else "mail",
        to=to,
        subject=f"Your code for the {ISSUER.lower()}",
        text=text,
        lifetime=codes.LIFETIME,
    )
    await messages.send(work, keys.cipher, message)
    audit.record(
        work,
        Action.SECOND_FACTOR_CODE_SENT,
        actor=factor.user_id,
        subject=Subject("user", factor.user_id),
        changed={"method": (None, factor.method.value)},
    )


def counts_of(cipher: FieldCipher, user_id: UserId, numbers: Iterable[str]) -> list[bytes]:
    """The indexes under which it is counted how many codes the user and these numbers were sent, by any index key."""
    texts = [_of_user(user_id, method) for method in (Method.SMS, Method.MAIL)]
    for number in numbers:
        texts += [number, _pending(number)]
    return [index for text in texts for index in cipher.blind_indexes(text, purpose=COUNTED_AS)]


def _recipients(factor: Factor, to: str) -> tuple[str, ...]:
    """What sendings are counted by; always in this order, so that no two of them wait for each other in a circle."""
    of_user = _of_user(factor.user_id, factor.method)
    if factor.method is not Method.SMS:
        return (of_user,)
    return (of_user, to if factor.confirmed_at is not None else _pending(to))


def _pending(number: str) -> str:
    """Apart, since anybody may claim a number: strangers would use up the codes that its owner needs to log in."""
    return f"{number} pending"


def _of_user(user_id: UserId, method: Method) -> str:
    return f"{user_id} {method}"
