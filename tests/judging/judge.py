"""Judge of requests, based on the models of Klaviyo's SDK."""

from pydantic import BaseModel, ValidationError

from tests.judging.operations import find_operation

_SHOWN_MAX = 5
"""Most faults in a description: a thousand faults of a body are usually alike."""


def judge(method: str, path: str, body: bytes) -> str:
    """Check a request against the SDK's model of the operation.

    The check is stricter than the SDK: unknown members are faults, and so are the
    Python names of members.

    Args:
        method: HTTP method.
        path: Path, percent-encoded, without the query.
        body: Body as sent, or empty.

    Returns:
        A description of the faults, or an empty string.
    """
    operation = find_operation(method, path)
    if operation is None:
        return "no operation of the SDK"
    if operation.model is None:
        return f"{operation.name} takes no body" if body else ""
    return _find_problems(operation.model, body)


def _find_problems(model: type[BaseModel], body: bytes) -> str:
    try:
        model.model_validate_json(body, extra="forbid", by_alias=True, by_name=False)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        descriptions = [
            f"/{'/'.join(map(str, error_details['loc']))}: {error_details['msg']}"
            for error_details in errors[:_SHOWN_MAX]
        ]
        return (
            f"{model.__name__} finds {len(errors)} mistakes: {'; '.join(descriptions)}"
        )
    return ""
