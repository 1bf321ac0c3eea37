"""What tests of several features share."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.database.executor import Database
from app.domain.identity.authority import Authority
from app.domain.identity.authority import authority as authority_of
from app.domain.identity.letters import Letters
from app.domain.second_factors.keys import FactorKeys
from app.field_encryption import FieldCipher
from app.settings import Settings
from tests.domain.touching import Stage, stage_on
from tests.factories import factor_keys_of


@pytest.fixture(scope="session")
def authority(settings: Settings) -> Iterator[Authority]:
    """What a worker proves identities with."""
    built = authority_of(settings.security)
    yield built
    built.close()


@pytest.fixture(scope="session")
def letters(settings: Settings, cipher: FieldCipher) -> Letters:
    """Who writes mails for a worker."""
    return Letters(cipher, settings.http.account_pages)


@pytest.fixture(scope="session")
def keys(settings: Settings) -> FactorKeys:
    """What a worker seals and recognises second factors with."""
    return factor_keys_of(settings)


@pytest.fixture
async def stage(database: Database, settings: Settings, authority: Authority) -> AsyncIterator[Stage]:
    """A stage on this worker's database."""
    async with stage_on(database, settings, authority) as built:
        yield built
