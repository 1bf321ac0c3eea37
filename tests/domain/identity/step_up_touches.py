"""Proving once more who one is: no cached value shows it, every command that depends on it asks the database."""

from app.domain.guesses import limit
from app.domain.guesses.limit import Secret
from app.domain.identity import step_up
from tests.domain.identity.arranged import log_in
from tests.domain.touching import Case, Stage, Table
from tests.factories import PASSWORD, make_user


async def stepping_up(stage: Stage) -> None:
    caller, _ = await log_in(stage, await make_user(stage.database))
    stage.begin()
    await step_up.step_up(stage.database, stage.authority, stage.keys, caller, PASSWORD)


async def proving_the_password(stage: Stage) -> None:
    caller, _ = await log_in(stage, await make_user(stage.database))
    stage.begin()
    await step_up.prove_password(stage.database, stage.authority, caller, PASSWORD, field="password")


async def guessing(stage: Stage) -> None:
    user = await make_user(stage.database)
    stage.begin()
    await limit.admit(stage.database, user.id, Secret.PASSWORD)


STEP_UP = Table(
    modules=(step_up, limit),
    changing=(),
    leaving=(
        Case(step_up.step_up, stepping_up),
        Case(step_up.prove_password, proving_the_password),
        Case(limit.admit, guessing),
    ),
    silent=frozenset({step_up.step_up, step_up.prove_password, limit.admit}),
)
