"""Look up the profiles and the list that a consent job refers to."""

from streams.sandbox.account.account import Account
from streams.sandbox.account.lists import MailList
from streams.sandbox.account.profiles import StoredProfile
from streams.sandbox.jsonapi import bodies
from streams.sandbox.jsonapi.errors import ErrorResponse, not_found
from streams.sandbox.jsonapi.messages import JsonObject

PROFILES_POINTER = "/data/attributes/profiles"
"""JSON pointer of the profiles of a consent job."""


def find_job_list(account: Account, job: JsonObject) -> MailList | None:
    """Return the list that a job refers to, or None if the job has no list.

    Raises:
        ErrorResponse: 404 for an unknown list.
    """
    relations = bodies.optional_object(job, "relationships", pointer="/data")
    if relations.get("list") is None:
        return None
    pointer = "/data/relationships/list"
    item = bodies.required_object(relations["list"], "data", pointer=pointer)
    (list_id,) = bodies.resource_ids([item], kind="list", pointer=f"{pointer}/data")
    mail_list = account.lists.by_id.get(list_id)
    if mail_list is None:
        error = not_found("list", list_id, pointer=f"{pointer}/data/id")
        raise ErrorResponse([error])
    return mail_list


def get_or_create_profile(
    account: Account, resource: JsonObject, *, at_s: float
) -> StoredProfile:
    """Return the profile that a resource identifies, creating the profile if needed."""
    resolution = account.identities.resolve_activity(resource)
    return account.identities.write(resolution, now_s=at_s)
