"""A log that a test may do anything to."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Stack
from tests.domain.audit.log_of_ones_own import Log, log_on


@pytest.fixture
async def own_log(stack: Stack) -> AsyncIterator[Log]:
    async with log_on(stack) as log:
        yield log
