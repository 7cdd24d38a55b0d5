"""Tests of the destination file that is written for an export."""

import pytest
import yaml

from streams.migration.destination_file import write_destination_file
from streams.migration.export import Export


@pytest.mark.parametrize(
    "line_break",
    [
        pytest.param("\n", id="line-feed"),
        pytest.param("\r", id="carriage-return"),
        pytest.param("\u0085", id="next-line"),
        pytest.param("\u2028", id="line-separator"),
    ],
)
def test_a_name_never_ends_a_comment(line_break: str) -> None:
    """Fields that are left out stay in a comment, and are no mapping."""
    name = f"x{line_break}  - evil: y"
    subscription = {
        "partnerAction": "trackEvent",
        name: "",
        "trigger": 'type = "track"',
    }

    text = write_destination_file(Export(subscriptions=(subscription,)))

    [mapping] = yaml.safe_load(text)["mappings"]
    assert mapping == {"action": "trackEvent", "trigger": 'type = "track"'}
