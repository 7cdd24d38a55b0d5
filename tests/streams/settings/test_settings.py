"""Settings from a file and the environment, with all problems reported at once."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from streams.errors import ConfigError
from streams.settings import Settings, load_settings
from streams.settings.model import LaneId

KEY = {"KLAVIYO_API_KEY": "pk_secret"}

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a settings file, or any other."""

    def write(text: str) -> Path:
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.yaml"
        file.write_text(text)
        return file

    return write


def mistakes(environ: dict[str, str], file: Path | None = None) -> list[str]:
    """Load settings that are wrong."""
    with pytest.raises(ConfigError) as error:
        load_settings(KEY | environ, file)
    return [*error.value.problems]


def test_defaults_need_nothing_but_the_key() -> None:
    """Defaults suit a worker on a single machine with the real Klaviyo."""
    settings = load_settings(KEY)

    assert settings.source_topics == ("segment-events",)
    assert settings.klaviyo_url == "https://a.klaviyo.com"
    assert settings.klaviyo_api_key.reveal() == "pk_secret"


def test_lanes_are_all_lanes_there_are() -> None:
    """A new lane has to be a setting too, and is on."""
    assert {*Settings().lanes} == {lane.value for lane in LaneId}


def test_the_environment_comes_before_the_file(write: Write) -> None:
    """Fleets share a file, and the environment holds the differences."""
    file = write("topic_partitions: 16\nweb_port: 7000\n")

    settings = load_settings({**KEY, "KLAVIYO_STREAMS_WEB_PORT": "0"}, file)

    assert (settings.topic_partitions, settings.web_port) == (16, 0)


def test_the_environment_names_the_file(write: Write) -> None:
    """A container needs no argument."""
    file = write("app_id: shop\n")

    assert (
        load_settings({**KEY, "KLAVIYO_STREAMS_SETTINGS": str(file)}).app_id == "shop"
    )


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        pytest.param("SOURCE_TOPICS", "a, b,", ("a", "b"), id="list"),
        pytest.param(
            "AUDIENCE_LISTS", "vip=L1, new = L2", {"vip": "L1", "new": "L2"}, id="map"
        ),
        pytest.param("STAGES", "deliver", ("deliver",), id="list-of-one"),
        pytest.param("BATCH_MAX_AGE_S", "2", 2.0, id="seconds"),
        pytest.param("TOPIC_PARTITIONS", "3", 3, id="count"),
        pytest.param("TABLE_STORE", "memory", "memory", id="choice"),
        pytest.param("TOPIC_PREFIX", "", "klaviyo-streams.", id="empty-is-absent"),
    ],
)
def test_the_environment_writes_every_type(
    variable: str, text: str, value: object
) -> None:
    """Lists with commas, mappings with equals signs."""
    settings = load_settings({**KEY, f"KLAVIYO_STREAMS_{variable}": text})

    assert getattr(settings, variable.lower()) == value


def test_a_file_writes_lists_and_mappings_as_yaml(write: Write) -> None:
    """No second notation inside the file."""
    file = write("source_topics: [a, b]\naudience_lists:\n  vip, all: L1\n")

    settings = load_settings(KEY, file)

    assert settings.source_topics == ("a", "b")
    assert settings.audience_lists == {"vip, all": "L1"}


@pytest.mark.parametrize(
    ("variable", "text", "description"),
    [
        pytest.param("TOPIC_PARTITIONS", "0", "`int` >= 1", id="count"),
        pytest.param("TOPIC_PARTITIONS", "many", "`int`", id="no-number"),
        pytest.param("WEB_PORT", "70000", "<= 65535", id="port"),
        pytest.param("BATCH_MAX_AGE_S", "0", "> 0", id="seconds"),
        pytest.param("BATCH_MAX_AGE_S", "nan", "", id="not-a-number"),
        pytest.param("BATCH_MAX_ITEMS", "10001", "<= 10000", id="klaviyo-limit"),
        pytest.param("TABLE_STORE", "redis", "not one of memory, rocksdb", id="choice"),
        pytest.param("LANES", "lists,sms", "'sms' is not one of consent", id="lane"),
        pytest.param("STAGES", ",", "length >= 1", id="no-stage"),
        pytest.param("AUDIENCE_LISTS", "vip", "length >= 1", id="no-equals-sign"),
        pytest.param("KLAVIYO_URL", "a.klaviyo.com", "http", id="no-scheme"),
        pytest.param("KLAVIYO_URL", "https://[", "http", id="no-address"),
        pytest.param("KAFKA_BOOTSTRAP_SERVERS", "kafka", "host:port", id="no-port"),
        pytest.param("SOURCE_TOPICS", "a b", "topic name", id="topic-with-space"),
        pytest.param("SOURCE_TOPICS", "x" * 250, "topic name", id="topic-250"),
        pytest.param("SOURCE_TOPICS", "a,a", "twice", id="topic-twice"),
        pytest.param(
            "SOURCE_TOPICS", "klaviyo-streams.events", "writes", id="own-topic"
        ),
        pytest.param("TOPIC_PREFIX", "a/b", "topic name", id="prefix"),
        pytest.param("SESSION_TIMEOUT_S", "60", "shorter", id="timeouts"),
        pytest.param("KAFKA_SSL_CAFILE", "/no/such", "no such file", id="cafile"),
        pytest.param("KAFKA_SASL_MECHANISM", "PLAIN", "SASL_", id="sasl-unused"),
    ],
)
def test_a_wrong_value_is_refused_by_its_path(
    variable: str, text: str, description: str
) -> None:
    """Problems begin with the name as written by the operator."""
    (problem,) = mistakes({f"KLAVIYO_STREAMS_{variable}": text})

    assert problem.startswith(f"KLAVIYO_STREAMS_{variable}: ")
    assert description in problem


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("topic_partition", "; did you mean topic_partitions?", id="near"),
        pytest.param("zzz", "is not a known setting", id="far"),
    ],
)
def test_an_unknown_name_is_refused(name: str, hint: str, write: Write) -> None:
    """In the file as in the environment, with the nearest name there is."""
    file = write(f"{name}: 1\n")
    variable = f"KLAVIYO_STREAMS_{name.upper()}"

    (in_file,) = mistakes({}, file)
    (in_environ,) = mistakes({variable: "1"})

    assert in_file.startswith(f"{file}: {name}: ")
    assert in_environ.startswith(f"{variable}: ")
    assert in_file.endswith(hint)
    assert in_environ.endswith(hint)


def test_all_problems_are_reported_at_once(write: Write) -> None:
    """Operators can fix all problems together."""
    file = write("web_port: none\ntabel_store: memory\nklaviyo_url: ftp://x\n")
    environ = {"KLAVIYO_STREAMS_STAGES": "fly", "KLAVIYO_STREAMS_TOPIC_PARTITIONS": "0"}

    problem_text = "\n".join(mistakes(environ, file))

    names = ["web_port", "tabel_store", "klaviyo_url", "STAGES", "TOPIC_PARTITIONS"]
    assert [name for name in names if f"{name}: " not in problem_text] == []
    assert len(problem_text.splitlines()) == len(names)


@pytest.mark.parametrize(
    ("text", "description"),
    [
        pytest.param("a: [1", "line 2", id="no-yaml"),
        pytest.param("- a\n- b", "not a mapping", id="a-list"),
        pytest.param("klaviyo_api_key: pk_secret", "_file", id="a-secret-in-it"),
    ],
)
def test_a_file_that_is_wrong_is_refused(
    text: str, description: str, write: Write
) -> None:
    """Invalid files are refused as a whole, without quoting the content."""
    (problem,) = mistakes({}, write(text + "\n"))

    assert description in problem
    assert "pk_secret" not in problem


def test_an_empty_file_is_all_defaults(write: Write) -> None:
    """A file of comments only, for example."""
    assert load_settings(KEY, write("# nothing yet\n")).app_id == "klaviyo-streams"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Missing files do not count as empty files."""
    (problem,) = mistakes({}, tmp_path / "none.yaml")

    assert "cannot be read" in problem


@pytest.mark.parametrize(
    "variable",
    [
        *(
            "SERVICE_HOST",
            "SERVICE_PORT",
            "PORT",
            "PORT_6066_TCP",
            "PORT_6066_TCP_ADDR",
        ),
        *("WORKER_PORT", "WORKER_SERVICE_HOST", "WORKER_SERVICE_PORT_HTTP"),
        *("SANDBOX_PORT_8900_TCP_PROTO", "KAFKA_SERVICE_PORT", "WEB_PORT"),
    ],
)
def test_what_kubernetes_sets_for_a_service_is_no_setting(variable: str) -> None:
    """Services with names like klaviyo-streams-worker stop no worker from starting."""
    settings = load_settings(
        {**KEY, f"KLAVIYO_STREAMS_{variable}": "tcp://10.0.0.1:6066"}
    )

    assert settings.web_port == 6066


def test_the_key_may_come_from_a_file(write: Write) -> None:
    """Orchestrators mount secrets as files; a final line break is dropped."""
    file = write("pk_secret\n")

    settings = load_settings({"KLAVIYO_STREAMS_KLAVIYO_API_KEY_FILE": str(file)})

    assert settings.klaviyo_api_key.reveal() == "pk_secret"


@pytest.mark.parametrize(
    ("text", "description"),
    [pytest.param("\n", "empty", id="empty"), pytest.param(None, "No such", id="none")],
)
def test_a_key_file_without_a_key_is_one_mistake(
    text: str | None, description: str, write: Write, tmp_path: Path
) -> None:
    """Only the setting of the file is reported, not the missing key."""
    file = tmp_path / "none" if text is None else write(text)

    with pytest.raises(ConfigError) as error:
        load_settings({"KLAVIYO_STREAMS_KLAVIYO_API_KEY_FILE": str(file)})

    (problem,) = error.value.problems
    assert problem.startswith("KLAVIYO_STREAMS_KLAVIYO_API_KEY_FILE: ")
    assert description in problem


def test_only_a_worker_that_delivers_needs_the_key() -> None:
    """Reading a table asks for no key, nor does a worker of other stages."""
    with pytest.raises(ConfigError, match="klaviyo_api_key: "):
        load_settings({})

    assert not load_settings({}, for_delivery=False).klaviyo_api_key
    assert not load_settings(
        {"KLAVIYO_STREAMS_STAGES": "intake,activate"}
    ).klaviyo_api_key


def test_sasl_needs_all_its_parts() -> None:
    """Each missing SASL setting is reported."""
    problem_text = mistakes({"KLAVIYO_STREAMS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})

    assert [line.partition(":")[0] for line in problem_text] == [
        "kafka_sasl_mechanism",
        "kafka_sasl_username",
        "kafka_sasl_password",
    ]


def test_sasl_with_all_its_parts_is_taken() -> None:
    """The password is a secret like the key."""
    settings = load_settings(
        {
            **KEY,
            "KLAVIYO_STREAMS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KLAVIYO_STREAMS_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KLAVIYO_STREAMS_KAFKA_SASL_USERNAME": "worker",
            "KLAVIYO_STREAMS_KAFKA_SASL_PASSWORD": "hunter2",
        }
    )

    assert settings.kafka_sasl_password.reveal() == "hunter2"


def test_no_text_of_settings_shows_a_secret() -> None:
    """Neither the repr nor any encoder."""
    settings = load_settings({**KEY, "KLAVIYO_STREAMS_KAFKA_SASL_PASSWORD": "hunter2"})

    assert "pk_secret" not in repr(settings)
    assert "hunter2" not in f"{settings}"
    with pytest.raises(TypeError):
        msgspec.json.encode(settings)


def test_the_topics_have_the_prefix() -> None:
    """Prefixes keep two installations on a cluster separate."""
    topics = load_settings({**KEY, "KLAVIYO_STREAMS_TOPIC_PREFIX": "shop."}).topics

    assert topics.events == "shop.events"
    assert topics.activations[LaneId.LISTS] == "shop.activations.lists"
    assert topics.memberships_changelog == "shop.memberships-changelog"
