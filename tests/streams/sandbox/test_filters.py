"""The filter language, and the supported filters of each operation."""

import pytest

from streams.sandbox.jsonapi.errors import ErrorResponse
from streams.sandbox.jsonapi.filters import FilterCondition, parse
from tests.streams.sandbox.api import SandboxApi

ALLOWED = {
    "email": frozenset({"equals", "any"}),
    "created": frozenset({"greater-than"}),
    "integration.name": frozenset({"equals"}),
}


def _condition(operator: str, field: str, *values: str) -> FilterCondition:
    return FilterCondition(operator=operator, field=field, values=values)


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        pytest.param("", (), id="none"),
        pytest.param(
            'equals(email,"a@b.cc")', (_condition("equals", "email", "a@b.cc"),), id="="
        ),
        pytest.param(
            "equals(email,'a@b.cc')", (_condition("equals", "email", "a@b.cc"),), id="'"
        ),
        pytest.param(
            'any(email,["a","b"])', (_condition("any", "email", "a", "b"),), id="any"
        ),
        pytest.param("any(email,[])", (_condition("any", "email"),), id="any-of-none"),
        pytest.param(
            r'equals(email,"a\"),(\\b")',
            (_condition("equals", "email", r'a"),(\b'),),
            id="escaped",
        ),
        pytest.param(
            "greater-than(created,2026-07-15T00:00:00Z)",
            (_condition("greater-than", "created", "2026-07-15T00:00:00Z"),),
            id="time",
        ),
        pytest.param(
            'equals(email,"a") , equals(integration.name,"API")',
            (
                _condition("equals", "email", "a"),
                _condition("equals", "integration.name", "API"),
            ),
            id="both",
        ),
        pytest.param(
            'and(equals(email,"a"),equals(email,"b"))',
            (_condition("equals", "email", "a"), _condition("equals", "email", "b")),
            id="and",
        ),
    ],
)
def test_a_filter_is_read(text: str, conditions: tuple[FilterCondition, ...]) -> None:
    """Every documented form that an operation supports is parsed."""
    assert parse(text, allowed=ALLOWED) == conditions


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("equals", id="no-parentheses"),
        pytest.param('equals(email,"a"', id="not-closed"),
        pytest.param('equals(email,"a)', id="string-not-closed"),
        pytest.param('equals(email,"a") x', id="rest"),
        pytest.param("equals(email)", id="no-value"),
        pytest.param('equals(email,["a","b"])', id="two-values"),
        pytest.param('resembles(email,"a")', id="unknown-operator"),
        pytest.param('equals(shoe,"a")', id="unknown-field"),
        pytest.param('greater-than(email,"a")', id="operator-not-on-this-field"),
        pytest.param("any(email,[a b])", id="space-from-a-bare-plus"),
    ],
)
def test_a_faulty_filter_is_refused(text: str) -> None:
    """A wrong filter is a 400 about parameter `filter`."""
    with pytest.raises(ErrorResponse) as caught:
        parse(text, allowed=ALLOWED)

    assert caught.value.status == 400
    assert caught.value.errors[0].parameter == "filter"


@pytest.mark.parametrize(
    ("query", "expected_names"),
    [
        pytest.param('equals(email,"ANN+1@example.com")', ["ann"], id="case"),
        pytest.param('any(external_id,["bob","ann","x"])', ["bob", "ann"], id="any"),
        pytest.param('equals(phone_number,"+12025550123")', ["bob"], id="phone"),
        pytest.param('any(email,["no@x.com"])', [], id="no-one"),
        pytest.param("greater-than(created,2020-01-01)", ["ann", "bob"], id="time"),
        pytest.param("less-than(created,2020-01-01)", [], id="earlier"),
        pytest.param(
            'equals(email,"ann+1@example.com"),equals(external_id,"bob")',
            [],
            id="both-must-hold",
        ),
    ],
)
async def test_profiles_are_found(
    api: SandboxApi, query: str, expected_names: list[str]
) -> None:
    """Profiles are found by any identifier, many at once."""
    await api.create_profile(email="Ann+1@example.com", external_id="ann")
    await api.create_profile(phone_number="+12025550123", external_id="bob")

    got = await api.get("/api/profiles", filter=query)

    names = [one["attributes"]["external_id"] for one in got.body["data"]]
    assert sorted(names) == sorted(expected_names)


async def test_a_plus_that_is_not_encoded_finds_no_one(api: SandboxApi) -> None:
    """An unencoded plus arrives as a space: the filter is valid but wrong."""
    await api.create_profile(email="ann+1@example.com")
    start = f"{api.url}/api/profiles?filter=equals(email,%22ann"

    bare = await api.call("GET", f"{start}%201@example.com%22)")
    encoded = await api.call("GET", f"{start}%2B1@example.com%22)")

    assert len(bare.body["data"]) == 0
    assert len(encoded.body["data"]) == 1


async def test_lists_are_found_by_their_exact_name(api: SandboxApi) -> None:
    """Names are not unique: all lists with the name are returned."""
    names = ["Fans", "fans", "Fans", 'A "b", c', "Fans 2"]
    created = [await api.create_list(name) for name in names]

    fans = await api.get("/api/lists", filter='equals(name,"Fans")')
    odd = await api.get("/api/lists", filter=r'any(name,["A \"b\", c"])')

    assert fans.ids == [created[0], created[2]]
    assert odd.ids == [created[3]]


async def test_a_refused_filter_names_the_parameter(api: SandboxApi) -> None:
    """The error over HTTP has the parameter too."""
    got = await api.get("/api/lists", filter='contains(name,"F")')

    assert (got.status, got.error["source"]) == (400, {"parameter": "filter"})
