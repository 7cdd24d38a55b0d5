"""Users of the shop, and the identifiers in Klaviyo."""

PHONE_FIRST = 16_175_550_000
"""A number in Boston; 555 is reserved for fiction."""

VISITOR_EVERY = 4


def email_of(user: str) -> str:
    """Return the user's e-mail address; some contain a plus sign."""
    return f"{user}+shop@example.com" if user.endswith("7") else f"{user}@example.com"


def phone_of(user: str) -> str:
    """Return a customer's phone number in E.164 format."""
    return f"+{PHONE_FIRST + _number(user)}"


def formatted_phone_of(user: str) -> str:
    """Return a customer's phone number in a national format."""
    digits = phone_of(user)
    return f"{digits[:2]} ({digits[2:5]}) {digits[5:8]}-{digits[8:]}"


def is_customer(user: str) -> bool:
    """Return True if Klaviyo has the user's profile from the start."""
    return _number(user) % VISITOR_EVERY != 0


def customer_profiles(users: int) -> list[dict[str, str]]:
    """Return the profiles that Klaviyo has before the first event.

    Only customers change their consent. Klaviyo accepts a consent change by address
    only and an event by user ID only; for a new user it would create two profiles.
    """
    return [
        {"external_id": user, "email": email_of(user), "phone_number": phone_of(user)}
        for user in map(user_of, range(users))
        if is_customer(user)
    ]


def user_of(number: int) -> str:
    """Return the name of the user with this number."""
    return f"u{number}"


def _number(user: str) -> int:
    return int(user.removeprefix("u"))
