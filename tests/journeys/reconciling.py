"""Steps of the tests that compare audiences with lists in Klaviyo."""

from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import orjson
from click.testing import CliRunner, Result

from agents.cli import main
from tests.journeys.harness import WITHIN_S, Pipeline
from tests.journeys.klaviyo import Klaviyo
from tests.streams.sandbox.api import HEADERS


def run_command(pipeline: Pipeline, *arguments: str) -> Result:
    """Run the command `reconcile`."""
    result = CliRunner().invoke(
        main, ["reconcile", *arguments], env=dict(pipeline.environ)
    )
    assert "Traceback" not in result.output
    return result


def change_list_directly(
    klaviyo: Klaviyo, method: str, list_id: str, profile_ids: Sequence[str]
) -> None:
    """Change a list as another tool would."""
    connection = HTTPConnection(urlsplit(klaviyo.url).netloc, timeout=WITHIN_S)
    data = [{"type": "profile", "id": profile_id} for profile_id in profile_ids]
    path = f"/api/lists/{list_id}/relationships/profiles"
    headers = {**HEADERS, "Content-Type": "application/vnd.api+json"}
    with closing(connection):
        connection.request(method, path, orjson.dumps({"data": data}), headers)
        assert connection.getresponse().status == 204


def list_members(klaviyo: Klaviyo) -> dict[str, str]:
    """Return address → profile id of all members of the list."""
    [vip] = klaviyo.named("vip")
    return {member["email"]: member["profile_id"] for member in vip["members"]}
