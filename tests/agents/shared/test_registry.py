"""Schema registries of commands: secrets, packages, and a registry that is away."""

import time
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from agents.cli import main
from agents.shared.registry import credentials
from agents.shared.registry.client import RegistryClients
from agents.shared.registry.command import CommandSchemas
from agents.shared.registry.credentials import check_secrets, client_options
from streams.errors import ConfigError, PoisonRecord
from streams.events.sources import Source, WireFormat
from streams.events.wire_formats.registry import Registry
from streams.events.wire_formats.schemas import (
    CompiledSchema,
    SchemaKind,
    SchemaName,
)
from tests.registry.frames import register
from tests.registry.front import RegistryFront

FIRST = SchemaName(SchemaKind.ID, 1)
PERSON = {"type": "record", "name": "P", "fields": [{"name": "id", "type": "string"}]}
NOBODY = "http://127.0.0.1:9"


class SlowClients(RegistryClients):
    """Clients of a registry that answers after the command has given up."""

    def fetch(self, registry: Registry, name: SchemaName) -> CompiledSchema:
        """Wait for nothing, and longer than the test allows."""
        time.sleep(1)
        return super().fetch(registry, name)


def test_a_command_fetches_a_schema_once(
    registry_front: RegistryFront, registry_url: str
) -> None:
    """The second record finds it in memory; an unknown one is a fault of its record."""
    number = register(registry_url, "command-value", PERSON)
    schemas = CommandSchemas(RegistryClients({}))
    registry = Registry(url=registry_front.url)

    for _ in range(2):
        schema = schemas.lookup(registry, SchemaName(SchemaKind.ID, number))
        assert schema.decode(b"\x02a", ()) == {"id": "a"}
        with pytest.raises(PoisonRecord, match="unknown-schema"):
            schemas.lookup(registry, SchemaName(SchemaKind.ID, 999_999))

    assert len(registry_front.paths) == 2


@pytest.mark.parametrize(
    ("schemas", "fault"),
    [
        pytest.param(CommandSchemas(RegistryClients({})), "is it up", id="away"),
        pytest.param(
            CommandSchemas(SlowClients({}), timeout_s=0.05), "no answer", id="slow"
        ),
    ],
)
def test_a_command_ends_if_the_registry_is_away(
    schemas: CommandSchemas, fault: str
) -> None:
    """One line names the registry."""
    with pytest.raises(ConfigError, match=fault) as caught:
        schemas.lookup(Registry(url=NOBODY), FIRST)

    [problem] = caught.value.problems
    assert problem.startswith(f"registry {NOBODY}: ")


def test_a_command_ends_if_the_credentials_are_refused(
    registry_front: RegistryFront,
) -> None:
    """The line has the fix and no secret."""
    registry_front.credentials = "reader:s3cret"
    registry = Registry(url=registry_front.url, username_env="U", password_env="P")  # noqa: S106 - a variable's name
    schemas = CommandSchemas(RegistryClients({"U": "reader", "P": "wrong-one"}))

    with pytest.raises(ConfigError, match="check the user name") as caught:
        schemas.lookup(registry, FIRST)

    assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize(
    ("registry", "problem"),
    [
        pytest.param(
            Registry(url=NOBODY, password_env="UNSET"),  # noqa: S106 - a variable's name
            "sources.people.registry.password_env: variable UNSET is not set",
            id="variable",
        ),
        pytest.param(
            Registry(url=NOBODY, bearer_token_file="/nowhere/token"),  # noqa: S106 - a path
            "sources.people.registry.bearer_token_file: /nowhere/token cannot be read",
            id="file",
        ),
    ],
)
def test_a_missing_secret_is_found_before_the_first_record(
    registry: Registry, problem: str
) -> None:
    """The error has the path in the destination file."""
    source = Source(name="people", topics=("t",), registry=registry)

    with pytest.raises(ConfigError) as caught:
        check_secrets([source], {})

    assert str(caught.value).startswith(problem)


def test_explain_ends_if_the_registry_is_away(tmp_path: Path) -> None:
    """The next lines would wait alike."""
    file = tmp_path / "destination.json"
    registry = {"url": NOBODY}
    source = {"topic": "t", "wire_format": "avro", "registry": registry}
    file.write_bytes(orjson.dumps({"sources": {"people": source}}))
    line = b'{"value_base64": "AAAAAAFh"}\n'
    arguments = ["explain", "--destination", str(file), "--source", "people"]

    result = CliRunner().invoke(main, arguments, input=line * 2)

    assert result.exit_code == 1
    assert result.stderr.count(NOBODY) == 1


def test_secrets_come_from_files_too(tmp_path: Path) -> None:
    """A line break at the end is not part of the secret."""
    (tmp_path / "user").write_text("reader\n")
    (tmp_path / "password").write_text("s3cret\n")
    registry = Registry(
        url=NOBODY,
        username_file=str(tmp_path / "user"),
        password_file=str(tmp_path / "password"),
    )

    assert client_options(registry, {})["basic.auth.user.info"] == "reader:s3cret"


def test_missing_packages_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Formats that need no registry need no packages either."""
    monkeypatch.setattr(credentials, "_MODULES", ("orjson", "no_such.module"))
    sources = [
        Source(name=each, topics=(each,), wire_format=each)
        for each in (WireFormat.AVRO, WireFormat.JSON, WireFormat.JSON_SCHEMA)
    ]

    with pytest.raises(ConfigError) as caught:
        credentials.check_packages(sources)

    [problem] = caught.value.problems
    assert problem.startswith("sources.avro: avro needs no_such.module;")
    assert "pip install 'klaviyo-streams[registry]'" in problem
