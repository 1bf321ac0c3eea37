"""What the attacks share."""

import pytest

from app.database.executor import Database
from tests.conftest import Running
from tests.factories import make_user
from tests.security.cast import Cast
from tests.team_factories import logged_in


@pytest.fixture(scope="module")
async def cast(service: Running, database: Database) -> Cast:
    """Everybody that is asked as."""
    administrator = await make_user(database, roles=("admin",))
    return Cast(service.services, await logged_in(database, service.services.authority, administrator))
