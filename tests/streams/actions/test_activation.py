"""References to lists, by list id or by audience."""

from streams.actions.activation import ByAudience, ById, ListRef


def test_an_id_is_never_equal_to_an_audience() -> None:
    """Equal text does not make two references equal."""
    list_refs: set[ListRef] = {ById("fans"), ByAudience("fans"), ById("fans")}

    assert len(list_refs) == 2
