"""Who is never blocked, and what the settings change."""

import asyncio
import time

import pytest

from app.abuse.guard import Guard
from app.database.executor import Database
from app.domain.blocks import commands
from app.settings import Settings
from tests.abuse.attacked import client_of, is_blocked_after_traps, serving, spring_traps


class TestExempt:
    @pytest.mark.parametrize(
        ("variables", "is_blocked"),
        [
            ({}, True),
            ({"IP_WHITELIST": "198.18.0.0/15"}, True),
            ({"ENABLE_IP_WHITELIST": "true", "IP_WHITELIST": "198.18.0.0/15"}, False),
            ({"ENABLE_IP_WHITELIST": "true", "IP_WHITELIST": "192.0.2.0/24"}, True),
            ({"TRUSTED_PROXIES": "198.18.0.0/15"}, False),
        ],
    )
    async def test_the_allow_list_and_proxies_are_never_blocked(
        self, settings: Settings, address: str, variables: dict[str, str], *, is_blocked: bool
    ):
        async with serving(settings, **variables) as service:
            assert await is_blocked_after_traps(service, address) is is_blocked

    async def test_one_address_of_a_network_of_version_6_stands_for_all(self, settings: Settings):
        async with serving(settings, ENABLE_IP_WHITELIST="true", IP_WHITELIST="2001:db8:77::9/128") as service:
            assert not await is_blocked_after_traps(service, "2001:db8:77::1")
            assert await is_blocked_after_traps(service, f"2001:db8:78:{time.time_ns() & 0xFFFF:x}::1")

    @pytest.mark.parametrize(("environment", "is_blocked"), [("development", False), ("production", True)])
    async def test_this_machine_is_exempt_except_in_production(
        self, settings: Settings, environment: str, *, is_blocked: bool
    ):
        loopback = f"127.{time.time_ns() & 0xFF}.{time.time_ns() >> 8 & 0xFF}.{time.time_ns() >> 16 & 0xFF}"
        async with serving(settings, environment=environment) as service:
            assert await is_blocked_after_traps(service, loopback) is is_blocked

    async def test_an_allow_list_undoes_older_blocks(
        self, settings: Settings, guard: Guard, database: Database, address: str
    ):
        await commands.block_offender(database, address, signals=["trap"], score=5.0)
        guard.blocklist.hold(address, 60)
        async with (
            serving(settings, ENABLE_IP_WHITELIST="true", IP_WHITELIST="198.18.0.0/15") as service,
            client_of(service.app, address) as http,
            asyncio.timeout(10),
        ):
            while (await http.get("/")).status_code != 200:
                await asyncio.sleep(0.05)


class TestSettings:
    async def test_in_shadow_it_counts_and_blocks_nobody(self, settings: Settings, address: str):
        async with serving(settings, THREAT_SHADOW_MODE="true") as service:
            assert not await is_blocked_after_traps(service, address)
            guard = service.services.guard
            assert guard is not None
            assert guard.counts.shadow_blocks == 1
            assert guard.slowed == {}

    async def test_the_threshold_is_what_is_set(self, settings: Settings, address: str):
        async with serving(settings, THREAT_THRESHOLD="5.1") as service:
            assert not await is_blocked_after_traps(service, address)

    async def test_switched_off_there_is_nobody_and_older_blocks_do_not_count(
        self, settings: Settings, address: str, guard: Guard
    ):
        guard.blocklist.hold(address, 60)
        async with serving(settings, ENABLE_ENHANCED_SECURITY="false") as service:
            assert service.services.guard is None
            async with client_of(service.app, address) as http:
                await spring_traps(http)
                assert (await http.get("/")).status_code == 200
