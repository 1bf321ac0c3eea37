"""One live service for the tests of the documents."""

from collections.abc import Iterator

import pytest

from app.settings import Settings
from tests.contract.conversation import Speakers
from tests.contract.live import LiveService


@pytest.fixture(scope="session")
def live(settings: Settings) -> Iterator[LiveService]:
    with LiveService(settings) as service:
        yield service


@pytest.fixture(scope="module")
def speakers(live: LiveService) -> Speakers:
    """Those who talk about one version."""
    return Speakers(live)
