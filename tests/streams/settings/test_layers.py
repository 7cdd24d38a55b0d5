"""A destination file's settings are the lowest layer, and are judged by themselves."""

from pathlib import Path

import pytest

from streams.errors import ConfigError
from streams.settings import Settings, load_settings
from streams.settings.loader import layer_problems

KEY = {"KLAVIYO_API_KEY": "pk_secret"}


def test_the_base_comes_after_the_file_and_before_the_defaults(tmp_path: Path) -> None:
    """Settings in a destination file are the lowest layer above the defaults."""
    file = tmp_path / "settings.yaml"
    file.write_text("topic_partitions: 16\nbulk_min_items: 7\n")
    base = {"topic_partitions": 3, "bulk_min_items": 3, "batch_max_items": 3}
    environ = {**KEY, "KLAVIYO_STREAMS_TOPIC_PARTITIONS": "32"}

    settings = load_settings(environ, file, base={**base, "source_topics": ["a", "b"]})

    assert settings.topic_partitions == 32
    assert settings.bulk_min_items == 7
    assert settings.batch_max_items == 3
    assert settings.source_topics == ("a", "b")
    assert settings.web_port == Settings().web_port


def test_a_base_may_name_the_file_of_a_secret(tmp_path: Path) -> None:
    """Destination files hold the path of a secret, not the secret."""
    file = tmp_path / "key"
    file.write_text("pk_secret\n")

    settings = load_settings({}, base={"klaviyo_api_key_file": str(file)})

    assert settings.klaviyo_api_key.reveal() == "pk_secret"


@pytest.mark.parametrize(
    ("base", "mistake"),
    [
        pytest.param(
            {"web_port": "no"}, "settings.web_port: Expected `int`", id="type"
        ),
        pytest.param(
            {"tabel_store": 1},
            "settings.tabel_store: is not a known setting",
            id="unknown",
        ),
        pytest.param(
            {"klaviyo_url": "ftp://x"}, "settings.klaviyo_url: not an http", id="check"
        ),
        pytest.param(
            {"klaviyo_api_key": "pk_1"},
            "settings.klaviyo_api_key: a secret does not belong",
            id="secret",
        ),
    ],
)
def test_a_mistake_in_the_base_has_its_path_there(
    base: dict[str, object], mistake: str
) -> None:
    """Problems carry the path inside the destination file."""
    with pytest.raises(ConfigError) as error:
        load_settings(KEY, base=base)

    (problem,) = error.value.problems
    assert problem.startswith(mistake)
    assert "pk_1" not in problem


def test_what_a_higher_layer_gives_is_not_looked_for_in_the_base() -> None:
    """Wrong values that a higher layer overrides stop no worker."""
    environ = {**KEY, "KLAVIYO_STREAMS_WEB_PORT": "7000"}

    assert load_settings(environ, base={"web_port": "no"}).web_port == 7000


@pytest.mark.parametrize(
    ("values", "names"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"web_port": 7000, "source_topics": ["a"]}, [], id="sound"),
        pytest.param({"topic_partitions": "many"}, ["topic_partitions"], id="type"),
        pytest.param({"topic_partitions": "8"}, ["topic_partitions"], id="text"),
        pytest.param({"topic_partitions": None}, ["topic_partitions"], id="null"),
        pytest.param({"web_port": 70_000}, ["web_port"], id="range"),
        pytest.param({"batch_max_age_s": float("nan")}, ["batch_max_age_s"], id="nan"),
        pytest.param({"stages": ["fly"]}, ["stages"], id="choice"),
        pytest.param({"audience_lists": {1: "L1"}}, ["audience_lists"], id="keys"),
        pytest.param({"tabel_store": "memory"}, ["tabel_store"], id="unknown"),
        pytest.param({"kafka_sasl_password": "x"}, ["kafka_sasl_password"], id="key"),
        pytest.param({"session_timeout_s": 60}, ["session_timeout_s"], id="together"),
        pytest.param({"source_topics": ["a", "a"]}, ["source_topics"], id="twice"),
        pytest.param(
            {"kafka_security_protocol": "SASL_SSL", "kafka_ssl_cafile": "/no/such"},
            [],
            id="another-layer-or-machine",
        ),
        pytest.param(
            {"web_port": "no", "klaviyo_url": "here", "zzz": 1},
            ["zzz", "web_port", "klaviyo_url"],
            id="all-at-once",
        ),
        pytest.param(
            {"session_timeout_s": "x", "rebalance_timeout_s": 10},
            ["session_timeout_s"],
            id="each-once",
        ),
    ],
)
def test_one_layer_is_judged_by_itself(
    values: dict[str, object], names: list[str]
) -> None:
    """Each problem is reported once; missing values may come from another layer."""
    assert [name for name, _ in layer_problems(values)] == names
