"""Workers and commands on a real Kafka: each login, and no right beyond the list."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from agents.admin.warehouse.state_file import StateFile
from agents.admin.warehouse.state_topic.fenced_producer import FencedProducer
from agents.admin.warehouse.state_topic.shared_state import SharedState
from agents.cli import main
from agents.engine.producer import Message, Producer, Written
from agents.shared.context import kafka_access
from streams.destination.syncs.model import Sync
from streams.errors import ConfigError
from streams.settings import Settings, load_settings
from streams.settings.acls import Acl
from tests.journeys.harness import Pipeline
from tests.journeys.sample_events import email_of, moves
from tests.kafka_security.broker import LATE_USER, OPERATORS
from tests.kafka_security.logins import (
    PRINCIPALS,
    Secured,
    acls_of,
    assert_no_secret,
    environ_of,
)

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

MEMBERSHIPS = (
    Path(__file__).parents[1] / "agents" / "cli" / "folder" / "memberships.jsonl"
)

TLS_CLOSE_LIMIT_S = 25.0
"""Below the 30 s that an event loop waits for a broker's goodbye (TLS)."""

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "topics": ("topics",),
    "audiences": ("audiences",),
    "audiences export": ("audiences export --force -",),
    "audiences import": ("audiences import {file}",),
    "deadletters list, show": ("deadletters list", "deadletters show 0/0"),
    "deadletters requeue, discard": (
        "deadletters requeue --reason not-json --apply",
        "deadletters discard --reason not-json --apply",
    ),
    "replay": ("replay --since 2020-01-01 --apply", "replay --list"),
    "reconcile": ("reconcile --apply",),
    "sources inspect": ("sources inspect secured.source --samples 1",),
}
"""Commands of each role."""

UNUSED_HERE = {
    ("topic", "secured.activations.consent", "WRITE"),
    ("topic", "secured.activations.events", "WRITE"),
    ("topic", "secured.activations.privacy", "WRITE"),
    ("topic", "secured.activations.profiles", "WRITE"),
    ("topic", "secured.held-events", "WRITE"),
    ("topic", "secured.deadletters-resolved", "DESCRIBE"),
    ("topic", "secured.sync-state", "DESCRIBE"),
    ("topic", "secured.sync-state-rows", "DESCRIBE"),
}
"""Rights of a worker that these events do not need, and those of `--create-topics`."""


@pytest.mark.parametrize("login", ["mtls", "scram", "token"])
def test_a_journey_with_least_rights(
    login: str, secured: Secured, secured_pipeline: Pipeline
) -> None:
    """Intake, activate, deliver; each worker recovers the table of the one before."""
    pipeline = secured_pipeline
    secured.grant(PRINCIPALS[login], acls_of(pipeline.settings)["worker"])
    worker = pipeline.start(login, **secured.login(login), log_level="debug")
    pipeline.await_members(1)

    entered = moves([f"{login}-1"], "vip", entered=True)
    pipeline.await_quiet(pipeline.publish([*entered, ("nobody", b"no JSON")]))
    worker.stop()
    pipeline.until(lambda: worker.code is not None, within_s=TLS_CLOSE_LIMIT_S)

    assert worker.code == 0
    assert email_of(f"{login}-1") in pipeline.klaviyo.members_of("vip")
    assert worker.events("table_recovered")
    assert_no_secret(worker.log)


def test_a_worker_uses_every_right_of_the_list_and_lacks_none(
    secured: Secured, secured_pipeline: Pipeline
) -> None:
    """The broker's own log says which rights the workers of the journeys have used."""
    granted = _rights(acls_of(secured_pipeline.settings)["worker"])
    workers = set(PRINCIPALS.values())
    rights = [r for r in secured.broker.used_rights() if r.principal in workers]

    assert not [right for right in rights if not right.is_allowed]
    used = {(right.resource, right.name, right.operation) for right in rights}
    assert granted - used <= UNUSED_HERE


async def test_a_producer_without_rights_waits_for_them(
    secured: Secured, secured_pipeline: Pipeline
) -> None:
    """The log names the fix; what was handed over meanwhile is written then."""
    topic = secured_pipeline.settings.topics.sync_state_rows  # no stage reads it
    login = secured.login("plain", kafka_sasl_username=LATE_USER)
    environ = {**secured_pipeline.environ, **environ_of(login)}
    producer = Producer(kafka_access(load_settings(environ)))
    with structlog.testing.capture_logs() as lines:
        await producer.start()
        sending = asyncio.create_task(producer.send([Message(topic, b"k", b"{}")]))
        while not [one for one in lines if one["event"] == "producer_refused"]:
            assert not sending.done()
            await asyncio.sleep(0.05)
    secured.grant(f"User:{LATE_USER}", [Acl("topic", topic, ("WRITE",))])

    [written] = await sending
    await producer.stop()

    assert isinstance(written, Written)
    assert "klaviyo-streams topics --acls" in repr(lines)


def test_commands_with_least_rights(
    secured: Secured, secured_pipeline: Pipeline
) -> None:
    """Each role's user has the rights of that role, beside a worker with its own."""
    pipeline = secured_pipeline
    roles = acls_of(pipeline.settings)
    secured.grant(PRINCIPALS["scram"], roles["worker"])
    worker = pipeline.start("beside", **secured.login("scram"))
    pipeline.await_members(1)
    pipeline.await_quiet(pipeline.publish([("nobody", b"no JSON")]))

    for user, (role, commands) in zip(OPERATORS, COMMANDS.items(), strict=False):
        secured.grant(f"User:{user}", roles[role])
        login = secured.login("plain", kafka_sasl_username=user)
        run = _runner({**pipeline.environ, **environ_of(login)})
        for command in commands:
            arguments = command.format(file=MEMBERSHIPS).split()
            if "discard" in command:  # the requeued record is a dead letter again
                pipeline.until(lambda: run(arguments).exit_code == 0)  # noqa: B023 - used at once
            else:
                result = run(arguments)
                assert result.exit_code == 0, f"{command}: {result.output}"
                assert_no_secret(result.output)

    worker.stop()
    assert worker.ended() == 0
    lacking = [
        right
        for right in secured.broker.used_rights()
        if right.principal.startswith("User:operator-") and not right.is_allowed
    ]
    assert not lacking


def test_the_state_of_a_sync_with_least_rights(
    secured: Secured, secured_pipeline: Pipeline, tmp_path: Path
) -> None:
    """The lease, the fence, the manifest and the rows."""
    user, sync = (
        OPERATORS[9],
        Sync(name="people", connection_env="X", sql="", key=("id",)),
    )
    acls = acls_of(secured_pipeline.settings)["sync with state: topic"]
    secured.grant(f"User:{user}", acls)
    settings = _settings_of(user, secured, secured_pipeline)

    with StateFile(tmp_path / "people") as file:
        shared = SharedState(settings, sync, report=lambda _: None)
        with shared.open(file, keeps_rows=False):
            assert not shared.is_interrupted()

    assert file.state.manifest_id


@pytest.mark.parametrize(
    ("user", "acls"),
    [
        pytest.param(
            OPERATORS[10], [Acl("topic", "any", ("WRITE",))], id="another-topic"
        ),
        pytest.param(
            OPERATORS[11],
            [Acl("transactional-id", "fence", ("WRITE",))],
            id="transactional-id",
        ),
    ],
)
def test_a_sync_without_the_right_to_write_ends(
    secured: Secured, secured_pipeline: Pipeline, user: str, acls: list[Acl]
) -> None:
    """The command ends with a line that names the fix."""
    secured.grant(f"User:{user}", acls)
    settings = _settings_of(user, secured, secured_pipeline)
    message = Message(settings.topics.sync_state, b"x", b"x")

    with pytest.raises(ConfigError, match="sync: x: access denied"):
        FencedProducer(kafka_access(settings), "fence", subject="sync: x").write(
            [message]
        )


def test_a_worker_without_rights_waits_for_them(
    secured: Secured, secured_pipeline: Pipeline
) -> None:
    """The log names the fix, and a right that comes later is enough."""
    pipeline = secured_pipeline
    worker = pipeline.start("later", **secured.login("plain"))
    pipeline.until(lambda: "klaviyo-streams topics --acls" in worker.log)
    assert worker.code is None
    secured.grant(PRINCIPALS["plain"], acls_of(pipeline.settings)["worker"])

    pipeline.await_members(1)
    worker.stop()

    assert worker.ended() == 0


def test_a_refused_worker_waits_and_logs_the_reason(
    secured: Secured, secured_pipeline: Pipeline
) -> None:
    """A password may be changed while a worker runs; aiokafka names no reason."""
    wrong = {"kafka_sasl_password": "wr0ng-pa55word", "kafka_sasl_password_file": ""}
    worker = secured_pipeline.start("refused", **(secured.login("scram") | wrong))
    secured_pipeline.until(lambda: "refuses the credentials" in worker.log)

    assert worker.code is None
    [line, *_] = worker.events("kafka_unreachable")
    assert line["reason"].startswith("kafka_bootstrap_servers: 127.0.0.1:")
    assert "wr0ng-pa55word" not in worker.log
    worker.kill()


def test_a_user_without_rights_gets_one_line(
    secured: Secured, secured_pipeline: Pipeline
) -> None:
    """The line names the topic, and the command that prints the rights."""
    login = secured.login("plain", kafka_sasl_username=OPERATORS[-1])
    run = _runner({**secured_pipeline.environ, **environ_of(login)})

    result = run(["audiences"])

    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert "topic secured.memberships-changelog: access denied" in line
    assert "klaviyo-streams topics --acls" in line


def _settings_of(user: str, secured: Secured, pipeline: Pipeline) -> Settings:
    login = secured.login("plain", kafka_sasl_username=user)
    environ = {**pipeline.environ, **environ_of(login)}
    return load_settings(environ, None, for_delivery=False)


def _rights(acls: Iterable[Acl]) -> set[tuple[str, str, str]]:
    return {
        (acl.resource, acl.name, operation)
        for acl in acls
        for operation in acl.operations
    }


def _runner(environ: Mapping[str, str]) -> Callable[[list[str]], Result]:
    return lambda arguments: CliRunner().invoke(main, arguments, env=dict(environ))
