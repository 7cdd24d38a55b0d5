"""Table of settings in deploy/README.md."""

from pathlib import Path

from streams.settings import Settings
from streams.settings.table import settings_table

README = Path(__file__).parents[3] / "deploy" / "README.md"


def test_the_deployment_guide_holds_the_table_of_settings() -> None:
    """Text between the markers equals the table that the model renders."""
    _, _, after = README.read_text().partition("<!-- settings -->\n\n")
    table, _, _ = after.partition("\n<!-- /settings -->")

    assert table == settings_table()


def test_the_table_has_a_row_for_each_setting() -> None:
    """Rows follow the fields of the model, each with a description."""
    rows = [line.split(" | ") for line in settings_table().splitlines()[2:]]

    assert [row[0].strip("| `") for row in rows] == list(Settings.__struct_fields__)
    assert all(len(row[-1]) > len("x. |") for row in rows)
