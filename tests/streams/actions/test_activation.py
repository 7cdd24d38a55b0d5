"""References to lists, by list id or by audience."""

import pytest

from streams.actions.activation import ByAudience, ById, ListRef, build_list_ref


@pytest.mark.parametrize(
    ("list_id", "audience", "list_ref"),
    [
        pytest.param("L", "", ById("L"), id="list-id"),
        pytest.param("", "fans", ByAudience("fans"), id="audience"),
        pytest.param("L", "fans", ById("L"), id="the-list-id-wins"),
        pytest.param("", "", None, id="no-list"),
    ],
)
def test_a_reference_names_the_list_or_its_audience(
    list_id: str, audience: str, list_ref: ListRef | None
) -> None:
    """An explicit list id wins over the audience."""
    assert build_list_ref(list_id=list_id, audience=audience) == list_ref


def test_an_id_is_never_equal_to_an_audience() -> None:
    """Equal text does not make two references equal."""
    list_refs: set[ListRef] = {ById("fans"), ByAudience("fans"), ById("fans")}

    assert len(list_refs) == 2
