"""Does Klaviyo have the metrics that mappings name?"""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agents.cli import main
from streams.sandbox import Sandbox, SandboxConfig

KEY = "pk_" + "5ecret" * 5

VIEWS = "{name: Views, action: trackEvent, fields: {metric_name: Viewed}}"
AGAIN = "{name: Again, action: trackEvent, fields: {metric_name: Viewed}}"
BRANCHES = (
    "{name: Branches, action: trackEvent, fields: {metric_name: {'@if': {"
    "exists: {'@path': $.a}, then: {'@literal': Bought}, else: {'@path': $.b}}}}}"
)
WRITTEN = (
    "{name: Written, action: trackEvent,"
    " fields: {metric_name: {'@template': Seen, '_metadata': {}}}}"
)
OFF = "{name: Idle, action: trackEvent, enabled: false, fields: {metric_name: Zzz}}"


def invoke(*options: str, key: str = KEY) -> Result:
    """Run the command against the sandbox."""
    environ = {"KLAVIYO_API_KEY": key}
    return CliRunner().invoke(main, ["metrics", *options], env=environ)


async def looked(
    tmp_path: Path,
    *mappings: str,
    there: tuple[str, ...],
    settings: str = "{}",
    config: SandboxConfig | None = None,
) -> Result:
    """Look for the metrics of a file on a sandbox that has some."""
    file = tmp_path / "destination.yaml"
    file.write_text(f"settings: {settings}\nmappings: [{', '.join(mappings)}]\n")
    config = config or SandboxConfig(quota_scale=None, metrics=there)
    async with Sandbox(config) as klaviyo:
        options = ("--destination", str(file), "--klaviyo-url", klaviyo.url)
        result = await asyncio.to_thread(invoke, *options)
    assert KEY not in result.output
    assert "Traceback" not in result.output
    return result


async def test_metrics_that_are_all_there_are_counted(tmp_path: Path) -> None:
    """Exit 0, and no more than a line."""
    result = await looked(tmp_path, VIEWS, OFF, there=("Viewed", "Other"))

    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["1 of 1 metrics exist in Klaviyo"]


@pytest.mark.parametrize(
    ("mappings", "there", "line"),
    [
        pytest.param(
            (VIEWS,),
            ("viewed",),
            "missing: 'Viewed', named by Views; did you mean 'viewed'?",
            id="case-matters",
        ),
        pytest.param(
            (VIEWS, AGAIN),
            ("Bought",),
            "missing: 'Viewed', named by Views, Again; no similar name exists",
            id="by-two",
        ),
        pytest.param(
            (BRANCHES,),
            ("Boughts",),
            "missing: 'Bought', named by Branches; did you mean 'Boughts'?",
            id="in-a-branch",
        ),
        pytest.param(
            (WRITTEN,),
            ("Saw",),
            "missing: 'Seen', named by Written; no similar name exists",
            id="in-a-template",
        ),
        pytest.param(
            ("{action: orderCompleted}",),
            ("Order Completed",),
            "missing: 'Ordered Product', named by Order Completed; "
            "no similar name exists",
            id="of-a-preset",
        ),
    ],
)
async def test_a_metric_that_is_missing_is_named_with_the_nearest(
    tmp_path: Path, mappings: tuple[str, ...], there: tuple[str, ...], line: str
) -> None:
    """And with the mappings that name it; exit 1."""
    result = await looked(tmp_path, *mappings, there=there)

    assert result.exit_code == 1
    assert [line_ for line_ in result.stdout.splitlines() if "missing" in line_] == [
        line
    ]
    assert "to fix it, spell the name" in result.stdout


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        pytest.param("allow", "their events are sent", id="allow"),
        pytest.param("dead-letter", "become dead letters", id="dead-letter"),
    ],
)
async def test_what_becomes_of_events_of_a_missing_metric_is_told(
    tmp_path: Path, policy: str, message: str
) -> None:
    """As the file's policy has it."""
    settings = f"{{unknown_metric: {policy}}}"

    result = await looked(tmp_path, VIEWS, there=(), settings=settings)

    assert f"settings.unknown_metric is {policy}: " in result.stdout
    assert message in result.stdout


async def test_a_mapping_that_takes_the_metric_from_the_event_is_told(
    tmp_path: Path,
) -> None:
    """A mapping that takes the metric from the event is reported as not checked."""
    upsert = "{action: upsertProfile}"

    result = await looked(tmp_path, "{action: trackEvent}", upsert, there=())

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "0 of 0 metrics exist in Klaviyo",
        "not checked: Track Event takes the metric from the event",
    ]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        pytest.param({}, "make a private key", id="of-no-account"),
        pytest.param({KEY: frozenset({"lists:read"})}, "metrics:read", id="no-scope"),
    ],
)
async def test_a_key_that_may_not_look_is_told_with_the_mend(
    tmp_path: Path, keys: dict[str, frozenset[str]], message: str
) -> None:
    """At once: a person waits, not a worker."""
    config = SandboxConfig(quota_scale=None, keys=keys)

    result = await looked(tmp_path, VIEWS, there=(), config=config)

    assert result.exit_code == 1
    assert "metrics cannot be listed: " in result.output
    assert message in result.output


@pytest.mark.parametrize(
    ("key", "options", "message"),
    [
        pytest.param("", (), "KLAVIYO_API_KEY: missing", id="no-key"),
        pytest.param(KEY, ("--klaviyo-url", "here"), "not a URL", id="no-url"),
    ],
)
def test_what_is_missing_is_told_in_words(
    key: str, options: tuple[str, ...], message: str
) -> None:
    """Before anything is asked."""
    result = invoke(*options, key=key)

    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output
