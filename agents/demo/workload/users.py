"""The users of a shop: how they are found in Klaviyo, and who is known there."""

PHONE_FIRST = 16_175_550_000
"""A number of Boston's; 555 is for plays."""

VISITOR_EVERY = 4


def email_of(user: str) -> str:
    """The address by which a user is found in Klaviyo; some have a plus sign."""
    return f"{user}+shop@example.com" if user.endswith("7") else f"{user}@example.com"


def phone_of(user: str) -> str:
    """A customer's phone number as Klaviyo keeps it, in E.164."""
    return f"+{PHONE_FIRST + _number(user)}"


def formatted_phone_of(user: str) -> str:
    """The same as people write it."""
    digits = phone_of(user)
    return f"{digits[:2]} ({digits[2:5]}) {digits[5:8]}-{digits[8:]}"


def is_customer(user: str) -> bool:
    """Whether Klaviyo has the user already; the others are visitors."""
    return _number(user) % VISITOR_EVERY != 0


def customer_profiles(users: int) -> list[dict[str, str]]:
    """The profiles that Klaviyo has before the day, by its names.

    Only customers change their consent. Klaviyo takes a consent by address alone and
    an event by user id alone: of somebody new it would make two profiles.
    """
    return [
        {"external_id": user, "email": email_of(user), "phone_number": phone_of(user)}
        for user in map(user_of, range(users))
        if is_customer(user)
    ]


def user_of(number: int) -> str:
    """The user of this number."""
    return f"u{number}"


def _number(user: str) -> int:
    return int(user.removeprefix("u"))
