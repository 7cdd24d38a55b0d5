"""List of the least rights on Kafka: text, commands and roles are the same."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from agents.cli import main
from agents.shared.topics import topic_specs
from streams.settings import Settings
from streams.settings.acls import acl_table, least_acls

GUIDE = Path(__file__).parents[3] / "deploy" / "README.md"


def _roles() -> dict[str, list[object]]:
    settings = Settings()
    roles = least_acls(settings, (spec.name for spec in topic_specs(settings)))
    return {role: [*acls] for role, acls in roles.items()}


def test_the_deployment_guide_holds_the_list() -> None:
    """`acl_table` renders it, with the default names."""
    settings = Settings()
    roles = least_acls(settings, (spec.name for spec in topic_specs(settings)))
    text = GUIDE.read_text().partition("<!-- acls -->\n\n")[2]

    assert text.partition("\n<!-- /acls -->")[0] == acl_table(roles)


def _acl_lines(*options: str) -> list[str]:
    result = CliRunner().invoke(main, ["topics", "--acls", "User:me", *options])
    assert result.exit_code == 0, result.output
    return [line for line in result.output.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("role", [*_roles(), "all"])
def test_the_commands_give_the_rights_of_a_role(role: str) -> None:
    """There is one command for each resource."""
    roles = _roles()
    expected = sum(map(len, roles.values())) if role == "all" else len(roles[role])

    lines = _acl_lines("--for", role)

    assert len(lines) == expected
    assert all("--add --allow-principal 'User:me' --operation " in x for x in lines)


def test_a_worker_without_all_stages_needs_fewer_rights() -> None:
    """A worker of the stage deliver writes no events."""
    everything = least_acls(Settings(), ())["worker"]
    deliver = least_acls(Settings(stages=("deliver",)), ())["worker"]

    assert {(acl.resource, acl.name) for acl in deliver} < {
        (acl.resource, acl.name) for acl in everything
    }
    assert "klaviyo-streams.events" not in {acl.name for acl in deliver}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(["--acls", "me"], "'me' is not a principal: User:NAME", id="who"),
        pytest.param(["--acls", "User:a' b"], "is not a principal", id="quote"),
        pytest.param(
            ["--acls", "User:me", "--for", "fly"],
            "--for: 'fly' is not one of worker, topics",
            id="role",
        ),
    ],
)
def test_a_wrong_option_is_refused(options: list[str], expected: str) -> None:
    """The line names what is allowed."""
    result = CliRunner().invoke(main, ["topics", *options])

    assert result.exit_code == 1
    assert expected in result.output
