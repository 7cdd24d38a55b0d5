"""Image and compose.yaml of `deploy/`: linted, confined and pinned."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Consumer, TopicPartition

from tests.brokers.interface import Broker
from tests.deploy.tools import DEPLOY, run
from tests.structure.source import ROOT

pytestmark = pytest.mark.no_cover

DOCKERFILE = DEPLOY / "docker/Dockerfile"
COMPOSE = DEPLOY / "compose.yaml"

EXACT_VERSION = re.compile(r":v?\d+\.\d+\.\d+(-[a-z0-9.-]+)?(@sha256:[0-9a-f]{64})?$")


def instructions(name: str) -> list[str]:
    """Return the arguments of each instruction of a name in the Dockerfile."""
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    return re.findall(rf"^{name} +(.*)$", text, re.MULTILINE)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Return compose.yaml as Docker Compose reads it."""
    text = run("docker-compose", "-f", COMPOSE, "config", "--format", "json")
    model: dict[str, Any] = json.loads(text)
    return model


def test_the_linter_finds_no_fault() -> None:
    """Hadolint has nothing to say of the Dockerfile."""
    assert run("hadolint", DOCKERFILE) == ""


def test_the_image_is_built_from_the_lock() -> None:
    """Each package is a wheel with its hash, but the project's own."""
    installs = [
        command
        for line in instructions("RUN")
        for command in line.split("&&")
        if "pip install" in command
    ]

    assert len(installs) == 3
    for command in installs[:2]:
        assert "--require-hashes" in command
        assert "--only-binary=:all:" in command
    assert "--no-index" in installs[2]


def test_the_image_runs_one_process_that_is_not_root() -> None:
    """The worker is process 1, without a shell, and the base has an exact version."""
    assert instructions("USER") == ["10001:10001"]
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["klaviyo-streams"]
    assert json.loads(instructions("CMD")[-1]) == ["worker"]
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
    [base] = [arg.partition("=")[2] for arg in instructions("ARG") if "PYTHON" in arg]
    assert EXACT_VERSION.search(base)
    assert base in instructions("LABEL")[0]


def test_the_image_is_healthy_while_livez_answers() -> None:
    """The health check is a command of the image's own Python."""
    [check] = instructions("HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])

    assert "/livez" in command[2]
    compile(command[2], "HEALTHCHECK", "exec")


def test_no_compiler_comes_into_the_image() -> None:
    """No package of the distribution is installed, in no stage."""
    assert "apt-get" not in DOCKERFILE.read_text()


def test_the_build_sees_all_that_it_copies() -> None:
    """The ignore file lets through exactly what the Dockerfile copies."""
    ignore = (DEPLOY / "docker/Dockerfile.dockerignore").read_text().splitlines()
    seen = {line[1:] for line in ignore if line.startswith("!")}
    lines = [line.split() for line in instructions("COPY") if "--from" not in line]
    copied = {source for arguments in lines for source in arguments[:-1]}

    assert seen == copied
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_compose_is_valid_and_a_whole_journey(compose: dict[str, Any]) -> None:
    """Docker Compose's own library accepts the file, with all that a journey needs."""
    assert set(compose["services"]) == {
        "kafka",
        "sandbox",
        "topics",
        "worker-1",
        "worker-2",
        "producer",
        "prometheus",
        "grafana",
    }


def test_each_image_has_an_exact_version(compose: dict[str, Any]) -> None:
    """No tag moves under a running system."""
    images = {service["image"] for service in compose["services"].values()}

    assert [image for image in images if not EXACT_VERSION.search(image)] == []


def test_compose_mounts_files_that_exist(compose: dict[str, Any]) -> None:
    """Docker makes a folder of a file that is missing."""
    sources = [
        Path(volume["source"])
        for service in compose["services"].values()
        for volume in service.get("volumes", ())
        if volume["type"] == "bind"
    ]

    assert len(sources) == 6
    assert [path for path in sources if not path.exists()] == []


@pytest.mark.parametrize("name", ["sandbox", "worker-1", "worker-2", "producer"])
def test_a_service_of_ours_is_confined(compose: dict[str, Any], name: str) -> None:
    """A root that is read-only, no capability, and no way to more rights."""
    service = compose["services"][name]

    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_workers_have_state_of_their_own_and_time_to_stop(
    compose: dict[str, Any],
) -> None:
    """Two workers share no disk, and are not killed before they have committed."""
    workers = [compose["services"][name] for name in ("worker-1", "worker-2")]

    assert len({worker["volumes"][0]["source"] for worker in workers}) == 2
    assert {worker["stop_grace_period"] for worker in workers} == {"1m30s"}


def test_grafana_finds_its_data_and_its_dashboard() -> None:
    """The data source is a service of compose.yaml, the provider's folder a mount."""
    folder = DEPLOY / "grafana/provisioning"
    [source] = yaml.safe_load((folder / "datasources/prometheus.yaml").read_text())[
        "datasources"
    ]
    [provider] = yaml.safe_load((folder / "dashboards/dashboards.yaml").read_text())[
        "providers"
    ]

    assert source["url"] == "http://prometheus:9090"
    assert f"{provider['options']['path']}/" in COMPOSE.read_text()


def read_events(broker: Broker, topic: str, *, count: int) -> list[dict[str, Any]]:
    """Return the first events of a topic with one partition."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": topic})
    consumer.assign([TopicPartition(topic, 0, 0)])
    messages = consumer.consume(count, timeout=20.0)
    consumer.close()
    return [json.loads(message.value() or b"") for message in messages]


def test_the_script_for_docker_is_valid_shell() -> None:
    """The script that needs Docker parses, and can be started."""
    script = DEPLOY / "verify-with-docker.sh"

    subprocess.run(["/bin/sh", "-n", script], check=True)  # noqa: S603 - no shell
    assert script.stat().st_mode & 0o111


@pytest.mark.kafka
def test_the_producer_of_compose_sends_events(kafka: Broker, topic_prefix: str) -> None:
    """Events of the example arrive, each for another user and with an id of its own."""
    topic = f"{topic_prefix}events"
    kafka.create_topics(topic)
    events = DEPLOY / "examples/first-event/events.jsonl"
    script = DEPLOY / "docker/producer.py"

    subprocess.run(  # noqa: S603 - no shell
        [sys.executable, script, events, topic, "--rate", "1000", "--count", "3"],
        check=True,
        env={"KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap},
    )

    sent = read_events(kafka, topic, count=3)
    assert [event["userId"] for event in sent] == ["u-0", "u-1", "u-2"]
    assert len({event["messageId"] for event in sent}) == 3
