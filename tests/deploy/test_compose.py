"""What docker-compose.yml promises, as far as it can be seen without an engine."""

import re
from pathlib import Path

import pytest

from app.settings import files, load_settings, variables
from deploy.secrets import generate
from tests.deploy.compose_file import LONG_RUNNING, ONE_SHOTS, ROOT, load, seconds, services

EACH_SERVICE = pytest.mark.parametrize("name", sorted(LONG_RUNNING | ONE_SHOTS))


def test_every_service_is_known_to_these_tests():
    assert set(services()) == LONG_RUNNING | ONE_SHOTS


class TestTheWayIn:
    def test_only_the_proxy_publishes_a_port(self):
        publishing = {name for name, service in services().items() if "ports" in service}
        assert publishing == {"proxy"}

    def test_nothing_is_set_and_it_listens_on_this_machine_only(self):
        assert services()["proxy"]["ports"] == ["127.0.0.1:8000:8080"]

    def test_host_and_port_move_the_address_and_the_links_in_answers(self):
        moved = services(HOST="192.0.2.7", PORT="9000")
        assert moved["proxy"]["ports"] == ["192.0.2.7:9000:8080"]
        assert moved["api"]["environment"]["PUBLIC_BASE_URL"] == "http://192.0.2.7:9000"

    def test_a_public_address_wins_over_the_published_one(self):
        environment = services(PUBLIC_BASE_URL="https://todo.example.com")["api"]["environment"]
        assert environment["PUBLIC_BASE_URL"] == "https://todo.example.com"

    def test_every_network_but_the_proxys_own_is_internal(self):
        networks = load()["networks"]
        assert {name for name, network in networks.items() if not (network or {}).get("internal")} == {"edge"}
        assert [name for name, service in services().items() if "edge" in service.get("networks", [])] == ["proxy"]

    def test_the_proxy_cannot_reach_the_data(self):
        assert "backend" not in services()["proxy"]["networks"]
        for name in ("postgres", "redis", "database", "migrate", "worker"):
            assert services()[name]["networks"] == ["backend"], name


class TestHardening:
    @EACH_SERVICE
    def test_the_root_file_system_cannot_be_written(self, name):
        assert services()[name]["read_only"] is True

    @EACH_SERVICE
    def test_there_is_no_capability_and_no_way_to_gain_one(self, name):
        service = services()[name]
        assert service["cap_drop"] == ["ALL"]
        assert "cap_add" not in service
        assert "privileged" not in service
        assert service["security_opt"] == ["no-new-privileges:true"]

    @EACH_SERVICE
    def test_nobody_is_root(self, name):
        service = services()[name]
        if "user" not in service:  # Our own images say it themselves; see test_dockerfile.py.
            assert service["image"] in {"todo-service", "todo-secrets"}
            return
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])

    @EACH_SERVICE
    def test_processor_memory_and_processes_are_limited(self, name):
        limits = services()[name]["deploy"]["resources"]["limits"]
        assert 0 < float(limits["cpus"]) <= 1, "a machine with one processor refuses more"
        assert re.fullmatch(r"\d+M", limits["memory"])
        assert 0 < limits["pids"] <= 256

    @EACH_SERVICE
    def test_nothing_of_the_host_is_mounted(self, name):
        volumes = [volume.split(":")[0] for volume in services()[name].get("volumes", [])]
        assert set(volumes) <= set(load()["volumes"])

    @EACH_SERVICE
    def test_secrets_are_written_by_one_service_and_read_by_the_others(self, name):
        mounts = [volume for volume in services()[name].get("volumes", []) if volume.startswith("secrets:")]
        if name == "secrets":
            assert mounts == ["secrets:/secrets"]
        else:
            assert mounts == ([] if name == "proxy" else ["secrets:/secrets:ro"])

    def test_each_reader_of_secrets_is_in_one_of_their_groups_and_the_writer_is_nobody_else(self):
        found = services()
        writer, service = (dockerfile_users()[stage] for stage in ("secrets", "service"))
        words = found["secrets"]["command"]
        groups = {reader: words[words.index(f"--{reader}-group") + 1] for reader in generate.Readers._fields}
        assert sorted(found["secrets"]["group_add"]) == sorted(groups.values())
        assert len({writer.split(":")[0], *groups.values()}) == 5
        assert service == f"{groups['service']}:{groups['service']}"
        assert found["postgres"]["group_add"] == found["database"]["group_add"] == [groups["postgres"]]
        assert found["redis"]["group_add"] == [groups["redis"]]
        assert writer not in {service, *(found[name]["user"] for name in ("postgres", "database", "redis"))}
        assert found["migrate"]["group_add"] == [groups["owner"]]
        assert not [name for name in ("api", "worker") if "group_add" in found[name]]

    @EACH_SERVICE
    def test_no_secret_is_in_the_environment(self, name):
        for variable in services()[name].get("environment", {}):
            assert variable.endswith("_FILE") or not re.search("PASSWORD$|SECRET|KEY|DATABASE_URL|REDIS_URL", variable)

    @EACH_SERVICE
    def test_logs_cannot_fill_the_disk(self, name):
        assert services()[name]["logging"]["options"].keys() == {"max-size", "max-file"}

    def test_images_are_pinned_to_a_major_version(self):
        images = {service["image"] for service in services().values() if "build" not in service}
        assert images == {"postgres:18", "redis:8"}


class TestHealth:
    @pytest.mark.parametrize("name", sorted(LONG_RUNNING - {"api"}))
    def test_what_keeps_running_is_checked(self, name):
        assert services()[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}

    def test_the_api_is_checked_by_its_image(self):
        assert "healthcheck" not in services()["api"]
        assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text(encoding="utf-8")

    @pytest.mark.parametrize("name", sorted(LONG_RUNNING))
    def test_what_keeps_running_comes_back_after_a_crash(self, name):
        assert services()[name]["restart"] == "unless-stopped"

    @pytest.mark.parametrize("name", sorted(ONE_SHOTS))
    def test_a_one_shot_runs_once_and_has_no_health(self, name):
        service = services()[name]
        assert service["restart"] == "no"
        assert service["healthcheck"] == {"disable": True}

    def test_one_shots_are_waited_for_until_they_have_succeeded(self):
        for name, service in services().items():
            for dependency, how in service.get("depends_on", {}).items():
                if dependency in ONE_SHOTS:
                    assert how["condition"] == "service_completed_successfully", (name, dependency)

    def test_the_service_does_not_wait_for_redis_to_be_healthy(self):
        for name in ("api", "worker"):
            assert services()[name]["depends_on"]["redis"]["condition"] == "service_started"


class TestStopping:
    @pytest.mark.parametrize("name", ["api", "worker"])
    def test_the_engine_waits_longer_than_the_service_needs(self, name):
        environment = {**variables(), **services()[name]["environment"]}
        needed = float(environment["DRAIN_SECONDS"]) + float(environment["SHUTDOWN_GRACE_SECONDS"])
        assert seconds(services()[name]["stop_grace_period"]) >= needed + 5

    def test_postgres_is_told_to_stop_without_waiting_for_its_clients(self):
        assert services()["postgres"]["stop_signal"] == "SIGINT"


class TestSettings:
    def test_production_accepts_them(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        for name in {**variables(), **{f"{variable}_FILE": "" for variable in variables()}}:
            monkeypatch.delenv(name, raising=False)
        group = tmp_path.stat().st_gid
        generate.write(tmp_path, generate.new_secrets(generate.Readers(group, group, group, group)))
        for name, value in services()["api"]["environment"].items():
            if value is not None:  # Without a value it is passed on if it is set, and it is not.
                monkeypatch.setenv(name, str(value).replace("/secrets/", f"{tmp_path}/"))
        settings = load_settings()
        assert settings.is_production
        assert settings.database.url.get_secret_value().startswith("postgresql://todo_service:")
        assert settings.database.url.get_secret_value().endswith("@postgres:5432/todo")
        assert settings.database.owner_url == settings.database.url, "the owner's address is not for who serves"
        assert settings.redis.url.get_secret_value().endswith("@redis:6379/0")

    def test_only_who_migrates_is_told_where_the_owners_address_is(self):
        telling = {
            name for name, each in services().items() if "database_url" in str(each).replace("service_database_url", "")
        }
        assert telling == {"migrate"}

    @pytest.mark.parametrize("name", ["api", "worker", "migrate"])
    def test_every_variable_is_one_that_the_service_reads(self, name):
        read = {*variables(), *files()}
        assert set(services()[name]["environment"]) <= read

    def test_every_variable_of_the_service_is_decided_on(self):
        """A new setting has to be given a value, to be passed on, or to be named here."""
        decided = {name.removesuffix("_FILE") for name in services()["api"]["environment"]}
        image = {"HOST", "PORT"}  # The Dockerfile's; in docker-compose.yml they are the published address.
        fixed = {
            "DEBUG",  # Production refuses it.
            "REQUEST_TIMEOUT",  # The proxy's time limits are a little above its default.
            "PREVIOUS_SECRET_KEYS",  # A secret: it does not belong into an environment.
            "MIGRATION_DATABASE_URL",  # The owner's, for the one-shot that migrates.
        }
        assert set(variables()) == decided & set(variables()) | image | fixed

    def test_all_pools_together_fit_into_postgres(self):
        defaults = variables()
        pool = int(str(defaults["DB_POOL_SIZE"])) + int(str(defaults["DB_MAX_OVERFLOW"]))
        processes = int(services()["api"]["environment"]["WORKERS"]) + 1
        assert processes * pool <= 97, "PostgreSQL's default max_connections, less three that are reserved"


def dockerfile_users() -> dict[str, str]:
    """The users of our two images, as the Dockerfile says them."""
    users = re.findall(r"^USER (.+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    return dict(zip(("secrets", "service"), users, strict=True))
