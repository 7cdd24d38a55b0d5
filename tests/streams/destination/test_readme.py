"""Tests that the description of the destination file is complete and correct."""

import re
from pathlib import Path

import pytest

import streams.destination
from streams.actions.intents import ConflictPolicy
from streams.actions.registry import ACTIONS
from streams.actions.spec import BATCH_FIELDS
from streams.destination.aliases import AliasPolicy
from streams.destination.completion import UnknownPersonPolicy
from streams.destination.loader import (
    AUDIENCE_FIELDS,
    DESTINATION_SETTINGS,
    FILE_PARTS,
    IDENTITY_FIELDS,
    read_destination,
)
from streams.destination.mapping_rules import (
    ALIASES,
    BATCHING_FIELDS,
    IGNORED_FIELDS,
    MAPPING_FIELDS,
)
from streams.destination.model import UnknownMetricPolicy
from streams.destination.presets import GroupPolicy
from streams.destination.sources import REGISTRY_FIELDS, SOURCE_FIELDS
from streams.destination.syncs.model import InitialRun, SyncMode
from streams.destination.syncs.reader import GUARD_FIELDS, SYNC_FIELDS
from streams.events.columns.declared import DECIMAL, DECLARED_TYPES
from streams.events.identifiers import BadPhonePolicy
from streams.events.sources import (
    Framing,
    KeyFormat,
    RowTool,
    SnapshotPolicy,
    SourceFormat,
    TombstonePolicy,
    TruncatePolicy,
    WireFormat,
)

README = (Path(streams.destination.__file__).parent / "README.md").read_text()
PARTS = {
    "settings": (
        *DESTINATION_SETTINGS,
        *BadPhonePolicy,
        *UnknownMetricPolicy,
        *GroupPolicy,
    ),
    "Identity": (
        *IDENTITY_FIELDS,
        *UnknownPersonPolicy,
        *ConflictPolicy,
        *AliasPolicy,
    ),
    "audiences": AUDIENCE_FIELDS,
    "sources": (
        *SOURCE_FIELDS,
        *SourceFormat,
        *RowTool,
        *SnapshotPolicy,
        *TruncatePolicy,
        *TombstonePolicy,
    ),
    "Types of columns": (*DECLARED_TYPES, DECIMAL),
    "Wire formats": (*WireFormat, *KeyFormat, *Framing, *REGISTRY_FIELDS),
    "mappings": (*MAPPING_FIELDS, *ALIASES, *IGNORED_FIELDS),
    "syncs": (*SYNC_FIELDS, *SyncMode, *InitialRun),
    "guards": GUARD_FIELDS,
    "batching": (*BATCHING_FIELDS, *(field.name for field in BATCH_FIELDS)),
}


def section(title: str) -> str:
    """Return the text below a heading, down to the next heading."""
    _, text = re.split(rf"^##+ `?{title}`?$", README, maxsplit=1, flags=re.MULTILINE)
    return re.split(r"^##", text, maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("part", FILE_PARTS)
def test_each_part_of_the_file_is_described(part: str) -> None:
    """The introduction names every part that the parser accepts."""
    assert f"`{part}`" in README


@pytest.mark.parametrize(
    ("part", "name"),
    [(part, name) for part, names in PARTS.items() for name in sorted(names)],
)
def test_each_field_of_the_parser_is_described(part: str, name: str) -> None:
    """The section of a part names every field that the parser accepts there."""
    assert f"`{name}`" in section(part)


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_is_described(action: str) -> None:
    """An action's section has a row for each field, and the default trigger."""
    spec, text = ACTIONS[action], section(action)

    described = re.findall(
        r"^\| `(\w+)` \| ([^|]+?)(?:, required)? \|", text, re.MULTILINE
    )
    assert described == [(field.name, str(field.kind)) for field in spec.fields]
    assert all(field.description in text for field in spec.fields)
    assert f"`{spec.trigger}`" in text


EXAMPLES = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_is_a_valid_destination_file(example: str) -> None:
    """A reader can copy the example."""
    assert read_destination(example).mappings


def test_the_first_example_has_the_mappings_that_the_text_names() -> None:
    """The file is introduced by it."""
    destination = read_destination(EXAMPLES[0])

    assert [rule.action.name for rule in destination.mappings] == [
        "upsertProfile",
        "addProfileToList",
    ]
