"""What is in an archive of accounts, sessions, keys, factors and messages: all but what proves anything."""

from typing import Any
from uuid import UUID, uuid4

from app.database.executor import Database
from app.domain.identity import api_key_text, email_changes
from app.domain.identity.authority import Authority
from app.domain.identity.letters import Letters
from app.domain.messages import commands as messages
from app.domain.messages.message import Message
from app.domain.unit_of_work import unit_of_work
from app.field_encryption import FieldCipher, Place, field_cipher
from app.settings import load_settings
from tests.api_key_factories import make_api_key
from tests.domain.exports.archives import exported
from tests.domain.exports.household import CANARY, House
from tests.factories import open_session, password_hash

LOST = load_settings(ENCRYPTION_KEYS="lost:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
# Of nobody in any other test: who has a number is told of all messages to it.
PHONE, OTHER_PHONE = "+4915100000071", "+4915100000072"


async def give_factor(rows: Any, cipher: FieldCipher, user_id: UUID, method: str, secret: str | None) -> None:
    """A confirmed factor, as the commands store it."""
    factor_id = uuid4()
    sealed = None if secret is None else cipher.encrypt(secret, place=Place("second_factors", "sealed", factor_id))
    await rows.execute(
        "INSERT INTO second_factors (id, user_id, method, sealed, code_hash, confirmed_at) "
        "VALUES ($1, $2, $3, $4, $5, now())",
        factor_id,
        user_id,
        method,
        sealed,
        b"canary-code-hash",
    )


async def send(database: Database, cipher: FieldCipher, to: str, kind: str) -> None:
    channel: Any = "sms" if to.startswith("+") else "mail"
    async with unit_of_work(database) as work:
        await messages.send(work, cipher, Message(kind=kind, channel=channel, to=to, subject="canary", text="canary"))


class TestAccount:
    async def test_it_is_all_that_the_service_knows_but_for_the_password(
        self, database: Database, cipher: FieldCipher, house: House
    ) -> None:
        read = await exported(database, cipher, house.ann)
        account = read.line("account")
        assert (account["id"], account["email"], account["name"]) == (
            str(house.ann.user_id),
            house.ann_user.email,
            "Ann",
        )
        assert account["is_active"] is True
        assert password_hash() not in read.text

    async def test_sessions_and_refreshes_are_hers(
        self, database: Database, cipher: FieldCipher, authority: Authority, house: House, rows: Any
    ) -> None:
        tokens = await open_session(database, authority, house.ann_user)
        await open_session(database, authority, house.bob_user)
        read = await exported(database, cipher, house.ann)
        assert len(read.lines("sessions")) == len(read.lines("session_refreshes")) == 2
        assert str(house.ann.session_id) in read.values("sessions", "id")
        assert read.values("session_refreshes", "session_id") == read.values("sessions", "id")
        assert tokens.refresh_token not in read.text
        hashes = await rows.fetch("SELECT token_hash FROM refresh_tokens")
        assert not [row for row in hashes if row["token_hash"].hex() in read.text]

    async def test_a_change_of_address_that_waits_is_there(
        self, database: Database, cipher: FieldCipher, letters: Letters, house: House
    ) -> None:
        wanted = f"{uuid4().hex}@example.com"
        await email_changes.ask(database, letters, house.ann, wanted)
        read = await exported(database, cipher, house.ann)
        link = read.line("mailed_links")
        assert (link["purpose"], link["email"], link["is_good"]) == ("email_change", wanted, True)
        assert sorted(read.values("messages", "kind")) == ["confirm_email", "email_will_change"]


class TestCredentials:
    async def test_api_keys_are_named_and_not_told(self, database: Database, cipher: FieldCipher, house: House) -> None:
        issued = await make_api_key(database, house.ann_user, name="Report")
        await make_api_key(database, house.bob_user, name=CANARY)
        read = await exported(database, cipher, house.ann)
        key = read.line("api_keys")
        assert (key["id"], key["name"], key["scopes"]) == (str(issued.api_key.id), "Report", ["todos:read"])
        assert issued.token not in read.text
        assert api_key_text.fingerprint(issued.token).hex() not in read.text
        assert CANARY not in read.text

    async def test_the_telephone_number_is_opened_and_the_secret_is_not_there(
        self, database: Database, cipher: FieldCipher, house: House, rows: Any
    ) -> None:
        await give_factor(rows, cipher, house.ann.user_id, "sms", PHONE)
        await give_factor(rows, cipher, house.ann.user_id, "totp", "CANARYSECRET")
        await give_factor(rows, cipher, house.ann.user_id, "mail", None)
        await give_factor(rows, cipher, house.bob.user_id, "sms", OTHER_PHONE)
        code = "INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)"
        await rows.executemany(code, [(house.ann.user_id, b"1"), (house.ann.user_id, b"2"), (house.bob.user_id, b"3")])
        read = await exported(database, cipher, house.ann)
        phones = {line["method"]: line["phone_number"] for line in read.lines("second_factors")}
        assert phones == {"sms": PHONE, "totp": None, "mail": None}
        assert read.lines("recovery_codes") == [{"used_at": None}] * 2
        for secret in ("CANARYSECRET", OTHER_PHONE, "canary-code-hash", b"canary-code-hash".hex()):
            assert secret not in read.text

    async def test_a_number_whose_key_is_lost_is_left_out_and_no_more(
        self, database: Database, cipher: FieldCipher, house: House, rows: Any
    ) -> None:
        await give_factor(rows, field_cipher(LOST.encryption), house.ann.user_id, "sms", PHONE)
        read = await exported(database, cipher, house.ann)
        assert read.line("second_factors")["phone_number"] is None

    async def test_wrong_guesses_and_logins_under_way_are_hers(
        self, database: Database, cipher: FieldCipher, house: House, rows: Any
    ) -> None:
        for caller, secret in ((house.ann, "totp"), (house.ann, "password"), (house.bob, "sms")):
            await rows.execute("INSERT INTO guesses VALUES ($1, $2, 1, now())", caller.user_id, secret)
            await rows.execute(
                "INSERT INTO login_challenges VALUES ($1, $2, 'canary', 'canary', 1, now())",
                uuid4().bytes,
                caller.user_id,
            )
        read = await exported(database, cipher, house.ann)
        assert read.values("wrong_guesses", "secret") == ["password", "totp"]
        assert read.values("logins_under_way", "attempts") == [1, 1]
        assert "canary" not in read.text


class TestMessages:
    async def test_those_on_their_way_to_her_are_told_and_not_quoted(
        self, database: Database, cipher: FieldCipher, house: House, rows: Any
    ) -> None:
        await give_factor(rows, cipher, house.ann.user_id, "sms", PHONE)
        for to, kind in (
            (house.ann_user.email, "one"),
            (house.ann_user.email.upper(), "two"),
            (PHONE, "three"),
            (house.bob_user.email, "canary_mail"),
            (OTHER_PHONE, "canary_sms"),
        ):
            await send(database, cipher, to, kind)
        read = await exported(database, cipher, house.ann)
        assert read.values("messages", "kind") == ["one", "three", "two"]
        assert "canary" not in read.text

    async def test_one_that_nobody_can_open_is_nobodys(
        self, database: Database, cipher: FieldCipher, house: House
    ) -> None:
        await send(database, field_cipher(LOST.encryption), house.ann_user.email, "lost")
        read = await exported(database, cipher, house.ann)
        assert "lost" not in read.values("messages", "kind")


class TestBlocks:
    async def test_what_she_decided_is_told_and_whom_it_hit_is_not(
        self, database: Database, cipher: FieldCipher, house: House, rows: Any
    ) -> None:
        insert = (
            "INSERT INTO address_blocks (id, client_key, strike, signals, score, note, until, created_by, lifted_by) "
            "VALUES ($1, '192.0.2.77', 0, '{}', 0, $2, now(), $3, $4)"
        )
        ann, bob = house.ann.user_id, house.bob.user_id
        for note, made_by, lifted_by in (("hers", ann, bob), (CANARY, bob, ann), (CANARY, bob, bob)):
            await rows.execute(insert, uuid4(), note, made_by, lifted_by)
        read = await exported(database, cipher, house.ann)
        told = {(line["made_by_you"], line["lifted_by_you"], line["note"]) for line in read.lines("blocks_decided")}
        assert told == {(True, False, "hers"), (False, True, None)}
        assert "192.0.2.77" not in read.text
        assert CANARY not in read.text
