"""What is wrong with a request, in the eyes of Klaviyo's SDK."""

from pydantic import BaseModel, ValidationError

from tests.judging.operations import operation_of

_SHOWN_MAX = 5
"""A body that is wrong a thousand times is wrong in the same way."""


def judge(method: str, path: str, body: bytes) -> str:
    """Ask the SDK's model of the operation.

    The model is held stricter than the SDK holds it: a member it does not know is a
    fault, and so is the name Python gives to a member.

    Args:
        method: HTTP method.
        path: Path, percent-encoded, without the query.
        body: As it is sent; empty where there is none.

    Returns:
        What is wrong, or nothing.
    """
    operation = operation_of(method, path)
    if operation is None:
        return "no operation of the SDK"
    if operation.model is None:
        return f"{operation.name} takes no body" if body else ""
    return _mistakes(operation.model, body)


def _mistakes(model: type[BaseModel], body: bytes) -> str:
    try:
        model.model_validate_json(body, extra="forbid", by_alias=True, by_name=False)
    except ValidationError as error:
        found = error.errors(include_url=False)
        told = [
            f"/{'/'.join(map(str, one['loc']))}: {one['msg']}"
            for one in found[:_SHOWN_MAX]
        ]
        return f"{model.__name__} finds {len(found)} mistakes: {'; '.join(told)}"
    return ""
