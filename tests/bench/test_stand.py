"""The settings under which everything is measured are such as production takes."""

from app.settings import load_settings
from bench.stand import shared_settings


def test_production_accepts_them() -> None:
    servers = {"DATABASE_URL": "postgresql://bench@localhost/bench", "REDIS_URL": "redis://localhost"}
    assert load_settings(**shared_settings(), **servers).is_production
