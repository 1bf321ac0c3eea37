"""Everything that commands about second factors want, and what people do with them."""

from dataclasses import dataclass, replace

from app.database.executor import Database
from app.domain.identity import commands, enrolment, queries, second_step
from app.domain.identity.authority import Authority, authority
from app.domain.identity.challenges import Challenge
from app.domain.identity.session import Client, Tokens
from app.domain.second_factors.factor import Method
from app.domain.second_factors.keys import FactorKeys
from app.domain.users.caller import Caller
from app.domain.users.user import User
from app.settings import load_settings
from tests.authenticators import Clock, Enrolled, Telephone, set_up_sms, set_up_totp
from tests.factories import CLIENT, PASSWORD, factor_keys_of
from tests.messages import Outbox


@dataclass(frozen=True)
class House:
    """What every command here wants, and what it is done with."""

    database: Database
    authority: Authority
    keys: FactorKeys
    clock: Clock
    outbox: Outbox

    async def totp(self, caller: Caller) -> Enrolled:
        return await set_up_totp(self.database, self.authority, self.keys, caller, self.clock)

    async def sms(self, caller: Caller, number: str) -> None:
        await set_up_sms(self.database, self.authority, self.keys, caller, self.outbox, number)

    async def begin(self, caller: Caller, password: str = PASSWORD) -> Telephone:
        made = await enrolment.begin_totp(self.database, self.authority, self.keys, caller, password=password)
        return Telephone(made.secret, self.clock)

    async def confirm(self, caller: Caller, code: str, method: Method = Method.TOTP) -> list[str]:
        return (await enrolment.confirm(self.database, self.keys, caller, method, code)).recovery_codes

    async def remove(self, caller: Caller, method: Method = Method.TOTP) -> None:
        await enrolment.remove(self.database, self.keys, caller, method)

    async def change_password(self, caller: Caller, current: str, new: str) -> None:
        await commands.change_password(
            self.database, self.authority, self.keys.cipher, caller, current_password=current, new_password=new
        )

    async def methods(self, caller: Caller) -> list[Method]:
        mine = await queries.second_factors(self.database.reader, self.keys, caller)
        return [factor.method for factor in mine.factors]

    async def kinds(self, user: User) -> list[str]:
        """Which notices and codes the user has got by mail."""
        return [sent.kind for sent in await self.outbox.to(user.email)]

    async def log_in(self, user: User, password: str = PASSWORD, client: Client = CLIENT) -> Tokens | Challenge:
        return await commands.log_in(self.database, self.authority, email=user.email, password=password, client=client)

    async def challenge(self, user: User, client: Client = CLIENT) -> str:
        """The token of a challenge for somebody who has a second factor."""
        challenge = await self.log_in(user, client=client)
        assert isinstance(challenge, Challenge)
        return challenge.token

    async def finish(self, challenge: str, code: str, method: Method = Method.TOTP, client: Client = CLIENT) -> Tokens:
        return await second_step.finish_login(
            self.database, self.authority, self.keys, challenge=challenge, method=method, code=code, client=client
        )

    def elsewhere(self) -> "House":
        """The same service in another process: nothing is shared but the settings and the database."""
        settings = load_settings(ENVIRONMENT="test")
        return replace(self, authority=authority(settings.security), keys=factor_keys_of(settings))
