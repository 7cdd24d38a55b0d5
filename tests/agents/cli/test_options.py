"""A worker's settings and its destination are read together."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.cli.support.settings_options import read_settings, read_worker
from streams.errors import ConfigError
from streams.settings.loader import API_KEY_ENV, ENV_PREFIX

KEY = "pk_5ecret"
OTHER_KEY = "pk_other"

Environ = Callable[..., None]


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Environ:
    """Give what sets the environment: nothing of ours is in it otherwise."""
    for name in list(os.environ):
        if name.startswith((ENV_PREFIX, API_KEY_ENV)):
            monkeypatch.delenv(name)

    def put(**named: str) -> None:
        for name, value in named.items():
            monkeypatch.setenv(name, value)

    return put


@pytest.fixture
def destination(tmp_path: Path, environ: Environ) -> Callable[[str], Path]:
    """Give what writes a destination file, which the environment names then."""

    def write(text: str) -> Path:
        file = tmp_path / "destination.yaml"
        file.write_text(text)
        environ(KLAVIYO_STREAMS_DESTINATION=str(file))
        return file

    return write


def _mistakes(file: Path | None = None) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read_worker(file)
    return list(error.value.problems)


def test_without_a_destination_file_every_preset_is_on(environ: Environ) -> None:
    """And audiences are synced to the lists that the settings name."""
    environ(KLAVIYO_API_KEY=KEY, KLAVIYO_STREAMS_AUDIENCE_LISTS="vip=L1")

    settings, destination = read_worker(None)

    assert settings.klaviyo_api_key.reveal() == KEY
    assert len(destination.mappings) > 1
    assert destination.sync_audiences
    assert destination.audiences["vip"].list_id == "L1"


def test_the_settings_file_names_the_destination_file(
    tmp_path: Path, environ: Environ
) -> None:
    """A settings file may name the destination file."""
    environ(KLAVIYO_API_KEY=KEY)
    named = tmp_path / "destination.yaml"
    named.write_text("mappings: [{name: Mine, action: upsertProfile}]")
    file = tmp_path / "settings.yaml"
    file.write_text(f"destination: {named}\n")

    settings, destination = read_worker(file)

    assert settings.destination == str(named)
    assert [rule.name for rule in destination.mappings] == ["Mine"]


@pytest.mark.parametrize("name", ["no-such.yaml", "."], ids=["absent", "a-directory"])
def test_a_destination_file_that_is_not_there_is_a_mistake(
    name: str, tmp_path: Path, environ: Environ
) -> None:
    """Said in words, with the path."""
    path = str(tmp_path / name)
    environ(KLAVIYO_API_KEY=KEY, KLAVIYO_STREAMS_DESTINATION=path)

    assert _mistakes() == [f"destination: no such file: {Path(path)}"]


def test_mistakes_of_the_destination_file_are_told(
    destination: Callable[[str], Path], environ: Environ
) -> None:
    """All of them, each with its path there."""
    environ(KLAVIYO_API_KEY=KEY)
    destination("{settings: {web_port: x}, mappings: [{action: fly}]}")

    mistakes = _mistakes()

    assert sorted(one.partition(":")[0] for one in mistakes) == [
        "mappings[0].action",
        "settings.web_port",
    ]


@pytest.mark.parametrize(
    ("named", "held", "key"),
    [
        pytest.param("", {API_KEY_ENV: KEY}, KEY, id="the-usual-variable"),
        pytest.param("EU_KEY", {"EU_KEY": KEY}, KEY, id="another"),
        pytest.param("EU_KEY", {"EU_KEY": KEY, API_KEY_ENV: OTHER_KEY}, KEY, id="both"),
    ],
)
def test_the_destination_file_says_which_variable_holds_the_key(
    named: str,
    held: dict[str, str],
    key: str,
    environ: Environ,
    destination: Callable[[str], Path],
) -> None:
    """Several destinations run from one environment."""
    environ(**held)
    destination(f"settings: {{api_key_env: {named}}}" if named else "{}")

    settings, _ = read_worker(None)

    assert settings.klaviyo_api_key.reveal() == key


def test_the_key_of_another_account_is_not_taken(
    environ: Environ, destination: Callable[[str], Path]
) -> None:
    """A key in another variable than the named variable is not used."""
    environ(KLAVIYO_API_KEY=OTHER_KEY)
    destination("settings: {api_key_env: EU_KEY}")

    [mistake] = _mistakes()

    assert mistake.startswith("klaviyo_api_key: ")
    assert OTHER_KEY not in mistake


def test_the_destination_file_is_the_lowest_layer_of_settings(
    tmp_path: Path, environ: Environ, destination: Callable[[str], Path]
) -> None:
    """The environment, then the settings file, then it, then the defaults."""
    destination(
        "settings: {web_port: 1001, topic_partitions: 1001, bulk_min_items: 1001}"
    )
    file = tmp_path / "settings.yaml"
    file.write_text("web_port: 1002\ntopic_partitions: 1002\n")
    environ(KLAVIYO_API_KEY=KEY, KLAVIYO_STREAMS_WEB_PORT="1003")

    settings, _ = read_worker(file)

    assert (settings.web_port, settings.topic_partitions) == (1003, 1002)
    assert settings.bulk_min_items == 1001


def test_lists_of_the_settings_come_before_the_destination_file_s(
    environ: Environ, destination: Callable[[str], Path]
) -> None:
    """The settings change only the list of an audience, not its other options."""
    destination("audiences: {vip: {list_id: F, enabled: false}, new: N}")
    environ(KLAVIYO_API_KEY=KEY, KLAVIYO_STREAMS_AUDIENCE_LISTS="vip=S")

    _, found = read_worker(None)

    lists = {key: (one.list_id, one.enabled) for key, one in found.audiences.items()}
    assert lists == {"vip": ("S", False), "new": ("N", True)}


def test_commands_that_send_nothing_compile_no_mapping(
    environ: Environ, destination: Callable[[str], Path]
) -> None:
    """The settings of a destination file are read even if its mappings are wrong."""
    environ()
    destination("{settings: {app_id: mine}, mappings: [{action: fly}]}")

    assert read_settings(None).app_id == "mine"


def test_wrong_settings_of_a_destination_file_are_reported_to_every_command(
    environ: Environ, destination: Callable[[str], Path]
) -> None:
    """Every problem in the settings is named with its path."""
    environ()
    destination("{settings: {web_port: x, bogus: 1}, mappings: [{action: fly}]}")

    with pytest.raises(ConfigError) as error:
        read_settings(None)

    paths = sorted(problem.partition(":")[0] for problem in error.value.problems)
    assert paths == ["settings.bogus", "settings.web_port"]
