"""`todo keys`: says which keys the stored values need, and gives them the current ones.

Knows how it looks on a terminal; what is done is in app.domain.encryption.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

from app.database.executor import Database
from app.domain.encryption import commands
from app.domain.encryption.commands import Rotated
from app.domain.encryption.queries import KeyUse, key_use
from app.field_encryption import FieldCipher, field_cipher
from app.settings import Settings
from app.telemetry.request_origin import of_operator


def check(settings: Settings) -> int:
    """Prints how many values each key is needed for; the exit status is 1 if one of the keys is lost."""
    cipher, use = field_cipher(settings.encryption), use_in(settings)
    for line in lines(use, cipher):
        print(line)
    return int(bool(lost(use, cipher)))


def rotate(settings: Settings) -> int:
    """Gives every stored value the current keys and prints how far it is; 1 if any had to be left behind."""
    of_operator()
    results = asyncio.run(_rotate(settings))
    for result in results:
        print(f"{result.name}: {result.replaced} encrypted again.")
        for key_id, count in sorted(result.needing.items()):
            print(f"{result.name}: {count} need the key {key_id!r}, which is not in ENCRYPTION_KEYS. Put it back last.")
        if result.broken:
            shown = ", ".join(result.broken[:10])
            print(f"{result.name}: {len(result.broken)} are not what was encrypted for them, such as in rows {shown}.")
        if result.overtaken:
            print(f"{result.name}: {result.overtaken} were being changed all the time. Run this again.")
    return int(not all(result.is_complete for result in results))


def use_in(settings: Settings) -> KeyUse:
    """Which keys the values in this database need. Raises DatabaseUnavailable."""
    return asyncio.run(_use_in(settings))


def lost(use: KeyUse, cipher: FieldCipher) -> list[str]:
    """The keys that stored values need and that the settings do not have."""
    needed = {str(key_id) for key_id in use.values} - set(cipher.key_ids)
    return sorted(needed)


def lines(use: KeyUse, cipher: FieldCipher) -> Iterator[str]:
    """One line for each key that is there or needed."""
    yield from _lines("ENCRYPTION_KEYS", use.values, cipher.key_ids)
    yield from _lines("BLIND_INDEX_KEYS", use.indexes, cipher.index_key_ids)


def _lines(variable: str, counts: Counter[str | None], key_ids: Sequence[str]) -> Iterator[str]:
    for number, key_id in enumerate(key_ids):
        advice = "the current key" if number == 0 else "`todo keys rotate` gives them the current key"
        if number and not counts[key_id]:
            advice = "no longer needed"
        yield f"{variable}: {key_id} has {counts[key_id]} values; {advice}."
    for absent in sorted(set(map(str, counts)) - set(key_ids)):
        count = sum(number for key_id, number in counts.items() if str(key_id) == absent)
        yield f"{variable}: {absent} has {count} values AND IS NOT THERE. Put it back behind the others."


async def _use_in(settings: Settings) -> KeyUse:
    database = Database(settings.database, application_name="todo-keys")
    try:
        return await key_use(database.reader)
    finally:
        await database.close()


async def _rotate(settings: Settings) -> list[Rotated]:
    database = Database(settings.database, application_name="todo-keys")
    try:
        return await commands.rotate(database, field_cipher(settings.encryption), report=_print_progress)
    finally:
        await database.close()


def _print_progress(progress: Rotated) -> None:
    print(f"{progress.name}: {progress.replaced} so far ...", flush=True)
