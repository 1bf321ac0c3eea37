"""What deploy/proxy/haproxy.cfg promises, and that its numbers agree with those of the service."""

import json
import re
from pathlib import Path

import pytest

from app.api.problem_types import TYPES
from app.middleware.security_headers import FIXED_HEADERS
from app.settings import variables
from tests.deploy.compose_file import ROOT, seconds, services

HTTP_ERROR = re.compile(r"http-error status (\d+) content-type application/problem\+json .* lf-string '(.*)'")


def sections() -> dict[str, list[str]]:
    """The lines of each section, by its first line."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in Path(ROOT / "deploy/proxy/haproxy.cfg").read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace():
            current.append(line.strip())
        else:
            current = found.setdefault(line.strip(), [])
    return found


def timeouts() -> dict[str, float]:
    lines = [line.split() for line in sections()["defaults"]]
    return {words[1]: seconds(words[2]) for words in lines if words[0] == "timeout"}


def server_option(name: str) -> str:
    line = next(line for line in sections()["defaults"] if line.startswith("default-server "))
    words = line.split()
    return words[words.index(name) + 1]


class TestTimeLimits:
    def test_each_way_to_be_slow_has_one(self):
        assert timeouts().keys() >= {
            "http-request", "http-keep-alive", "client", "client-fin",
            "connect", "queue", "server", "server-fin", "check", "tunnel",
        }  # fmt: skip

    def test_a_request_has_to_arrive_within_seconds(self):
        assert timeouts()["http-request"] <= 10
        assert "option http-buffer-request" in sections()["defaults"]

    def test_the_service_gives_up_before_the_proxy_does(self):
        limit = float(str(variables()["REQUEST_TIMEOUT"]))
        assert timeouts()["server"] > limit
        assert timeouts()["client"] > limit

    def test_a_slow_client_is_cut_without_an_answer(self):
        assert "http-error status 408 errorfile /dev/null" in sections()["defaults"]

    def test_one_address_cannot_hold_every_connection(self):
        limit = next(line for line in sections()["frontend public"] if "sc0_conn_cur" in line)
        total = next(line for line in sections()["global"] if line.startswith("maxconn "))
        assert int(limit.split()[-2]) <= int(total.split()[1]) / 4


class TestStopping:
    def test_an_instance_that_drains_is_noticed_while_it_still_serves(self):
        checks = int(server_option("fall"))
        worst = seconds(server_option("inter")) + (checks - 1) * seconds(server_option("fastinter"))
        answer = 1.0  # While it drains it answers at once; a busy machine may take this long.
        assert worst + checks * answer < float(services()["api"]["environment"]["DRAIN_SECONDS"])

    def test_the_proxy_itself_ends_before_it_is_killed(self):
        limit = next(line for line in sections()["global"] if line.startswith("hard-stop-after "))
        assert seconds(limit.split()[1]) < seconds(services()["proxy"]["stop_grace_period"])
        assert services()["proxy"]["stop_signal"] == "SIGUSR1"


class TestRouting:
    @pytest.mark.parametrize(
        ("backend", "path"), [("reads", "/health/ready"), ("writes", "/health/ready"), ("living", "/health/live")]
    )
    def test_every_way_leads_to_every_instance_and_asks_for_its_health(self, backend, path):
        lines = sections()[f"backend {backend}"]
        assert any(line.startswith(f"http-check send meth GET uri {path} ") for line in lines)
        assert "http-check expect status 200" in lines
        assert re.fullmatch(r"server-template api \d+ api:8000", lines[-1])

    def test_only_safe_methods_are_sent_twice(self):
        repeated = next(line for line in sections()["defaults"] if line.startswith("retry-on "))
        assert repeated.split()[1:] == ["conn-failure", "empty-response"]
        assert "http-request disable-l7-retry unless { method GET HEAD OPTIONS }" in sections()["frontend public"]

    @pytest.mark.parametrize("backend", ["writes", "living"])
    def test_a_write_never_shares_a_connection(self, backend):
        assert "option http-server-close" in sections()[f"backend {backend}"]
        assert "use_backend reads if { nbsrv(reads) gt 0 } { method GET HEAD OPTIONS }" in sections()["frontend public"]

    def test_addresses_are_asked_of_the_name_server_again_and_again(self):
        assert server_option("resolvers") == "engine"
        assert "parse-resolv-conf" in sections()["resolvers engine"]


class TestTheClientsAddress:
    def test_what_the_client_claims_is_removed_before_the_truth_is_set(self):
        lines = sections()["frontend public"]
        removed = [lines.index(f"http-request del-header {name}") for name in ("X-Forwarded- -m beg", "Forwarded")]
        assert max(removed) < lines.index("http-request set-header X-Forwarded-For %[src]")

    def test_a_valid_request_id_passes_and_traceparent_is_not_touched(self):
        rules = " ".join(sections()["frontend public"])
        assert "^[A-Za-z0-9_-]{8,64}$" in rules
        assert "traceparent" not in rules.lower()


class TestItsOwnAnswers:
    @pytest.mark.parametrize("status", [400, 413, 500, 502, 503, 504])
    def test_they_are_problem_documents_of_the_services_types(self, status):
        lines = [HTTP_ERROR.fullmatch(line) for line in sections()["defaults"] if line.startswith("http-error")]
        bodies = {int(match[1]): json.loads(match[2]) for match in lines if match}
        shown = 503 if status == 502 else status  # The proxy turns one into the other.
        kind = TYPES[shown]
        body = bodies[status]
        assert (body["status"], body["type"], body["title"]) == (shown, f"/problems/{kind.slug}", kind.title)
        assert body["instance"] == f"/requests/{body['request_id']}"

    def test_there_is_no_502(self):
        rules = sections()["frontend public"]
        assert 'http-after-response set-status 503 reason "Service Unavailable" if { status 502 }' in rules

    @pytest.mark.parametrize("status", [502, 503])
    def test_they_say_when_to_come_back(self, status):
        line = next(line for line in sections()["defaults"] if line.startswith(f"http-error status {status} "))
        assert " hdr Retry-After 1 " in line

    def test_they_carry_the_services_security_headers(self):
        rules = sections()["frontend public"]
        for name, value in FIXED_HEADERS:
            if name != b"cache-control":  # Said in each http-error.
                rule = next(rule.lower() for rule in rules if f"set-header {name.decode()} " in rule.lower())
                assert value.decode().lower() in rule
        for line in sections()["defaults"]:
            if HTTP_ERROR.fullmatch(line):
                assert " hdr Cache-Control no-store " in line

    def test_the_log_leaves_the_query_out(self):
        line = next(line for line in sections()["defaults"] if line.startswith("log-format "))
        assert "%(path)HPO " in line
        assert not re.search(r"%(\(\w+\))?(HU|HQ|HP|r)\b", line)
        assert "option dontlog-normal" in sections()["defaults"]
