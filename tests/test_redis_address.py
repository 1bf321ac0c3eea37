"""Addresses of Redis: every form, and a reason for each that is refused."""

import ssl
from pathlib import Path

import pytest

from app.redis_address import Node, Servers, servers_at
from app.settings import SettingsError, load_settings
from tests.certificates import make_certificate

SINGLE = {
    "redis://": Servers(kind="single", nodes=(Node(),)),
    "redis://cache": Servers(kind="single", nodes=(Node("cache"),)),
    "redis://cache:6380/3": Servers(kind="single", nodes=(Node("cache", 6380),), number=3),
    "redis://cache?db=4": Servers(kind="single", nodes=(Node("cache"),), number=4),
    "REDIS://cache/": Servers(kind="single", nodes=(Node("cache"),)),
    "redis://[::1]": Servers(kind="single", nodes=(Node("::1"),)),
    "redis://[2001:db8::7]:6380/1": Servers(kind="single", nodes=(Node("2001:db8::7", 6380),), number=1),
    "redis://:p%40ss%2Fw@cache": Servers(kind="single", nodes=(Node("cache"),), password="p@ss/w"),
    "redis://ann:a:b@cache": Servers(kind="single", nodes=(Node("cache"),), username="ann", password="a:b"),
    "unix:///run/valkey.sock": Servers(kind="single", nodes=(Node(path="/run/valkey.sock"),)),
    "unix:///run/my%20cache/v.sock?db=2": Servers(kind="single", nodes=(Node(path="/run/my cache/v.sock"),), number=2),
    "unix://ann:secret@/v.sock": Servers(
        kind="single", nodes=(Node(path="/v.sock"),), username="ann", password="secret"
    ),
}
SEVERAL = {
    "redis+sentinel://a/main": Servers(kind="sentinel", nodes=(Node("a", 26379),), primary_name="main"),
    "redis+sentinel://:pw@a:1,[::1]:2,b/my%20main/5": Servers(
        kind="sentinel",
        nodes=(Node("a", 1), Node("::1", 2), Node("b", 26379)),
        password="pw",
        primary_name="my main",
        number=5,
    ),
    "redis+cluster://a": Servers(kind="cluster", nodes=(Node("a"),)),
    "redis+cluster://ann:pw@a:1,[2001:db8::7],b:3/0": Servers(
        kind="cluster", nodes=(Node("a", 1), Node("2001:db8::7"), Node("b", 3)), username="ann", password="pw"
    ),
}
REFUSED = {
    "http://cache": "must start with redis://",
    "cache:6379": "must start with redis://",
    "redis+ring://cache": "must start with redis://",
    "unix+cluster:///v.sock": "must start with redis://",
    "redis://cache:http": "a port that is not one",
    "redis://cache:": "a port that is not one",
    "redis://cache:0": "a port that is not one",
    "redis://cache:65536": "a port that is not one",
    "redis://cache:²": "a port that is not one",
    "redis://:6379": "a host that is not one",
    "redis://::1:6379": "IPv6 needs brackets",
    "redis://[::1": "a host that is not one",
    "redis+cluster://a,,b": "a host that is not one",
    "redis://cache/first": "a database that is not a number",
    "redis://cache?db=-1": "a database that is not a number",
    "redis://cache/0/1": "more than a database",
    "redis://a,b": "names several hosts",
    "redis+sentinel://a:26379": "must name the primary",
    "redis+sentinel://a:26379/main/0/1": "more than a database",
    "redis+cluster://a/1": "only database 0",
    "unix://v.sock": "three slashes",
    "unix://": "three slashes",
    "rediss://cache?ssl_ca_certs=/nowhere/ca.pem": r"certificate that cannot be used \(FileNotFoundError\)",
    f"rediss://cache?ssl_certfile={Path(__file__)}": r"certificate that cannot be used \(SSLError\)",
}


class TestAddress:
    @pytest.mark.parametrize("url", SINGLE)
    def test_one_server(self, url: str) -> None:
        assert servers_at(url) == SINGLE[url]

    @pytest.mark.parametrize("url", SEVERAL)
    def test_sentinels_and_clusters(self, url: str) -> None:
        assert servers_at(url) == SEVERAL[url]

    @pytest.mark.parametrize("url", REFUSED)
    def test_a_fault_is_named(self, url: str) -> None:
        with pytest.raises(ValueError, match=REFUSED[url]):
            servers_at(url)

    @pytest.mark.parametrize("url", REFUSED)
    def test_settings_refuse_it_by_the_name_of_the_variable(self, url: str) -> None:
        with pytest.raises(SettingsError) as refused:
            load_settings(REDIS_URL=url)
        (fault,) = refused.value.faults
        assert fault.startswith("REDIS_URL: ")
        assert fault.endswith("Example: rediss://cache.example.com:6379/0")

    @pytest.mark.parametrize("url", [*SINGLE, *SEVERAL])
    def test_settings_take_what_is_right(self, url: str) -> None:
        assert load_settings(REDIS_URL=url).redis.url.get_secret_value() == url

    def test_a_fault_never_shows_the_password(self) -> None:
        with pytest.raises(ValueError, match="port") as refused:
            servers_at("redis://ann:hunter2@cache:http")
        assert "hunter2" not in str(refused.value)


class TestTls:
    @pytest.mark.parametrize("url", ["rediss://a", "rediss+cluster://a,b", "rediss+sentinel://a/main"])
    def test_rediss_checks_the_certificate_and_the_name(self, url: str) -> None:
        tls = servers_at(url).tls
        assert tls is not None
        assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)

    def test_the_check_can_be_given_up_by_name(self) -> None:
        tls = servers_at("rediss://a?ssl_cert_reqs=none").tls
        assert tls is not None
        assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_NONE, False)

    def test_an_authority_of_ones_own_is_the_only_one_that_is_believed(self, tmp_path: Path) -> None:
        certificate = make_certificate(tmp_path)
        tls = servers_at(f"rediss://a?ssl_ca_certs={certificate}").tls
        assert tls is not None
        assert [authority["subject"] for authority in tls.get_ca_certs()] == [((("commonName", "127.0.0.1"),),)]

    def test_redis_is_not_encrypted(self) -> None:
        assert servers_at("redis://a").tls is None
