"""Write JSON:API resources with links and relationships."""

from collections.abc import Iterable
from dataclasses import replace

from streams.sandbox.jsonapi.messages import JsonObject, ParsedRequest


def render_resource(  # noqa: PLR0913  # the members of a JSON:API resource
    request: ParsedRequest,
    kind: str,
    name: str,
    *,
    path: str,
    attributes: JsonObject,
    relationships: Iterable[str] = (),
) -> JsonObject:
    """Return a resource with links, reduced to `fields[kind]` if requested.

    Args:
        request: Request that asks for the resource.
        kind: JSON:API type.
        name: Id of the resource.
        path: Path of the collection, for example `profiles`.
        attributes: All attributes of the resource.
        relationships: Names of the relationships.
    """
    requested = request.query.get(f"fields[{kind}]")
    if requested is not None:
        requested_names = {
            name_path.split(".")[0] for name_path in requested.split(",")
        }
        attributes = {
            key: attributes[key] for key in attributes if key in requested_names
        }
    self_link = f"{request.base_url}/api/{path}/{name}"
    return {
        "type": kind,
        "id": name,
        "attributes": attributes,
        "relationships": {
            relation: {
                "links": {
                    "self": f"{self_link}/relationships/{relation}",
                    "related": f"{self_link}/{relation}",
                }
            }
            for relation in relationships
        },
        "links": {"self": self_link},
    }


def without_query(request: ParsedRequest) -> ParsedRequest:
    """Return the request without query parameters, for included resources."""
    return replace(request, query={})
