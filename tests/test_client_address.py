"""Which address a request comes from, whatever it claims, and who counts as one client."""

import ipaddress

import pytest

from app.client_address import (
    UNKNOWN_ADDRESS,
    TrustedProxies,
    client_key,
    key_of,
    network_of,
    normal_address,
    share_of_all,
)

PROXY = "10.0.0.1"
CLIENT = "198.51.100.7"


def seen(
    peer: str | None,
    *forwarded: str,
    trusted: tuple[str, ...] = ("10.0.0.0/8",),
    more: tuple[tuple[str, str], ...] = (),
) -> str:
    """The address that is found for a request of `peer` with these X-Forwarded-For headers, and others."""
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    headers += [(name.encode(), value.encode("latin-1")) for name, value in more]
    proxies = TrustedProxies([ipaddress.ip_network(network) for network in trusted])
    scope = {"headers": headers, "client": None if peer is None else (peer, 5000)}
    return proxies.client(scope, dict(headers)).address


class TestWhoIsBelieved:
    def test_without_trusted_proxies_it_is_the_peer_whatever_is_claimed(self):
        assert seen("192.0.2.1", CLIENT, trusted=()) == "192.0.2.1"

    def test_a_peer_that_is_not_trusted_is_not_believed(self):
        assert seen("192.0.2.1", CLIENT) == "192.0.2.1"

    def test_not_even_if_it_claims_that_a_trusted_proxy_is_behind_it(self):
        assert seen("192.0.2.1", f"{CLIENT}, {PROXY}", PROXY) == "192.0.2.1"

    def test_a_trusted_proxy_names_its_client(self):
        assert seen(PROXY, CLIENT) == CLIENT

    @pytest.mark.parametrize(
        "claimed",
        [
            ("forwarded", f"for={CLIENT}"),
            ("x-real-ip", CLIENT),
            ("x-client-ip", CLIENT),
            ("true-client-ip", CLIENT),
            ("cf-connecting-ip", CLIENT),
            ("x-forwarded", CLIENT),
            ("x-forwarded-host", CLIENT),
            ("client-ip", CLIENT),
            ("via", f"1.1 {CLIENT}"),
        ],
    )
    @pytest.mark.parametrize("peer", [PROXY, "192.0.2.1"])
    def test_no_other_header_is_read(self, peer: str, claimed: tuple[str, str]):
        assert seen(peer, more=(claimed,)) == peer
        assert seen(PROXY, "203.0.113.5", more=(claimed,)) == "203.0.113.5"

    @pytest.mark.parametrize("peer", [None, "unix-socket"])
    def test_a_peer_without_an_address_is_not_trusted(self, peer: str | None):
        assert seen(peer, CLIENT, trusted=("0.0.0.0/0", "::/0")) == (peer or UNKNOWN_ADDRESS)


class TestTheWalk:
    @pytest.mark.parametrize(
        ("forwarded", "expected"),
        [
            (["1.1.1.1, 198.51.100.7"], CLIENT),
            (["1.1.1.1, 198.51.100.7, 10.0.0.2"], CLIENT),
            (["1.1.1.1", "198.51.100.7", "10.0.0.2"], CLIENT),
            (["10.0.0.9, 1.1.1.1, 198.51.100.7"], CLIENT),
            (["198.51.100.7,10.0.0.3 ,\t10.0.0.2"], CLIENT),
            (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (["198.51.100.7:4711"], CLIENT),
            (["[2001:db8::7]:4711"], "2001:db8::7"),
            (["[2001:DB8:0::7]"], "2001:db8::7"),
            (["2001:db8::7%eth0"], "2001:db8::7"),
            (["::ffff:198.51.100.7"], CLIENT),
            (["::FFFF:c633:6407"], CLIENT),
            (["198.51.100.7, ::ffff:10.0.0.2"], CLIENT),
        ],
    )
    def test_it_is_the_right_most_hop_that_is_not_trusted(self, forwarded: list[str], expected: str):
        assert seen(PROXY, *forwarded) == expected

    @pytest.mark.parametrize(
        "hop",
        [
            *("", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4:port", "[::1", "x" * 5_000),
            *("\xff\xfe", "\xb9.2.3.4", "1.2.3.4%eth0", "1.2.3.4/8", "0x7f.1", "2130706433", "::1%" + "z" * 100),
        ],
    )
    def test_what_is_no_address_leaves_the_proxy_that_reported_it(self, hop: str):
        assert seen(PROXY, f"{CLIENT}, {hop}") == PROXY
        assert seen(PROXY, f"{CLIENT}, {hop}, 10.0.0.2") == "10.0.0.2"

    def test_proxies_may_have_addresses_of_version_6(self):
        assert seen("2001:db8:1::1", "2001:db8:2::9", trusted=("2001:db8:1::/48",)) == "2001:db8:2::9"
        assert seen("2001:db8:3::1", "2001:db8:2::9", trusted=("2001:db8:1::/48",)) == "2001:db8:3::1"

    def test_a_peer_in_ipv4_mapped_form_is_the_proxy_that_it_is(self):
        assert seen("::ffff:10.0.0.1", CLIENT) == CLIENT

    def test_long_texts_are_not_remembered(self):
        proxies = TrustedProxies([ipaddress.ip_network("10.0.0.0/8")])
        for number in range(100):
            headers = [(b"x-forwarded-for", b"%d" % number + b"x" * 60_000)]
            proxies.client({"headers": headers, "client": (PROXY, 1)}, dict(headers))
        assert proxies._read.cache_info().currsize == 1


class TestNormalAddress:
    def test_the_same_address_has_one_spelling(self):
        assert normal_address("2001:0DB8::0001") == normal_address("[2001:db8::1]:80") == "2001:db8::1"

    def test_a_text_that_is_longer_than_any_address_is_none(self):
        assert normal_address("2001:db8::1%" + "x" * 100) is None

    def test_digits_of_other_scripts_are_none(self):
        assert normal_address("1.2.3.4:٨٠") is None


class TestKey:
    def test_an_address_of_version_4_is_a_client_by_itself(self):
        assert client_key("203.0.113.7") == "203.0.113.7"

    def test_addresses_of_version_6_are_one_client_with_their_network(self):
        assert client_key("2001:db8:0:7::1") == client_key("2001:db8:0:7:ffff::") == "2001:db8:0:7::/64"
        assert client_key("2001:db8:0:8::1") != client_key("2001:db8:0:7::1")

    @pytest.mark.parametrize(
        ("text", "key"),
        [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:DB8:0:7::42", "2001:db8:0:7::/64"),
            ("2001:db8:0:7::/64", "2001:db8:0:7::/64"),
            ("203.0.113.7/64", None),
            ("203.0.113.0/24", None),
            ("example.com", None),
            ("", None),
            ("unknown", None),
        ],
    )
    def test_people_may_spell_it_as_they_like(self, text: str, key: str | None):
        assert key_of(text) == key

    def test_a_key_stands_for_addresses_unless_they_are_not_known(self):
        assert network_of("2001:db8:0:7::/64") == ipaddress.ip_network("2001:db8:0:7::/64")
        assert network_of(UNKNOWN_ADDRESS) is None


class TestShare:
    @pytest.mark.parametrize(
        ("networks", "share"),
        [
            ([], 0.0),
            (["0.0.0.0/0"], 1.0),
            (["::/0"], 1.0),
            (["0.0.0.0/1", "128.0.0.0/1"], 1.0),
            ([f"{number}.0.0.0/8" for number in range(256)], 1.0),
            (["::/1", "8000::/1", "10.0.0.0/8"], 1.0),
            (["10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/9"], 1 / 256),
        ],
    )
    def test_what_many_networks_are_together(self, networks: list[str], share: float):
        assert share_of_all([ipaddress.ip_network(network) for network in networks]) == share
