"""Filters for HTML, URLs and digests."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from html import unescape
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from streams.mapping.liquid.convert import liquid_text
from streams.mapping.liquid.operators import is_truthy
from streams.mapping.values import Json

_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
)
_ESCAPED: Final = re.compile(r"&(?:amp|lt|gt|#34|#39);")
_BLOCKS: Final = (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->"))

_COMPONENT_SAFE: Final = "!'()*"
_URI_SAFE: Final = ";,/?:@&=+$!'()*#[]"
"""Characters kept by `encodeURIComponent` and `encodeURI` (ECMA-262), and `-_.~`."""


def escape(value: Json) -> str:
    """Escape a text for HTML."""
    return liquid_text(value).translate(_ESCAPES)


def escape_once(value: Json) -> str:
    """Escape a text for HTML, without escaping entities again."""
    return escape(_ESCAPED.sub(lambda match: unescape(match[0]), liquid_text(value)))


def strip_html(value: Json) -> str:
    """Remove tags, comments, scripts and styles; unclosed markup stays."""
    text, out, at = liquid_text(value), [], 0
    while (begin := text.find("<", at)) >= 0:
        out.append(text[at:begin])
        at = _end_of_markup(text, begin)
        if at < 0:
            return "".join([*out, text[begin:]])
    return "".join([*out, text[at:]])


def _end_of_markup(text: str, begin: int) -> int:
    for opener, closer in (*_BLOCKS, ("<", ">")):
        if text.startswith(opener, begin):
            end = text.find(closer, begin + len(opener))
            if end >= 0:
                return end + len(closer)
    return -1


def url_encode(value: Json) -> str:
    """Encode a text for a query, with `+` for a space."""
    return _percent_encode(value, safe=_COMPONENT_SAFE).replace("%20", "+")


def cgi_escape(value: Json) -> str:
    """Encode a text for a query, including punctuation."""
    return _percent_encode(value, safe="").replace("%20", "+")


def uri_escape(value: Json) -> str:
    """Encode the characters that a URI must not contain."""
    return _percent_encode(value, safe=_URI_SAFE)


def _percent_encode(value: Json, *, safe: str) -> str:
    return quote(liquid_text(value), safe=safe, errors="replace")


def url_decode(value: Json) -> str:
    """Decode a text that `url_encode` encoded."""
    return unquote_to_bytes(liquid_text(value)).decode().replace("+", " ")


_SLUGS: Final = {
    "raw": re.compile(r"\s+"),
    "default": re.compile(r"[\W_]+"),
    "pretty": re.compile(r"[^\w.~!$&'()+,;=@]+"),
    "ascii": re.compile(r"[^A-Za-z0-9]+"),
    "latin": re.compile(r"[\W_]+"),
}
_LATIN: Final = str.maketrans(
    {
        **dict.fromkeys("àáâãäå", "a"),
        **dict.fromkeys("èéêë", "e"),
        **dict.fromkeys("ìíîï", "i"),
        **dict.fromkeys("òóôõöø", "o"),
        **dict.fromkeys("ùúûü", "u"),
        **dict.fromkeys("ýÿ", "y"),
        "æ": "ae",
        "ç": "c",
        "ð": "d",
        "ñ": "n",
        "ß": "ss",
        "œ": "oe",
        "þ": "th",
        "ẞ": "SS",
        "Œ": "OE",
        "Þ": "TH",
    }
)


def slugify(value: Json, mode: Json = "default", cased: Json = None) -> str:
    """Convert a text to a part of a path."""
    text = liquid_text(value)
    unfit = _SLUGS.get(liquid_text(mode))
    if mode == "latin":
        text = text.translate(_LATIN)
    if unfit is not None:
        text = re.sub("^-|-$", "", unfit.sub("-", text))
    return text if is_truthy(cased) else text.lower()


def _bytes(value: Json) -> bytes:
    return liquid_text(value).encode("utf-8", "replace")


def base64_decode(value: Json) -> str:
    """Decode base64 in either alphabet, with or without padding."""
    text = liquid_text(value).replace("-", "+").replace("_", "/").partition("=")[0]
    text = re.sub("[^A-Za-z0-9+/]", "", text)
    text = text[: len(text) - (len(text) % 4 == 1)]
    return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-8", "replace")


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "base64_decode": base64_decode,
    "base64_encode": lambda value: base64.b64encode(_bytes(value)).decode(),
    "cgi_escape": cgi_escape,
    "escape": escape,
    "escape_once": escape_once,
    "hmac_sha256": lambda value, key=None: hmac.new(
        _bytes(key), _bytes(value), hashlib.sha256
    ).hexdigest(),
    "sha256": lambda value: hashlib.sha256(_bytes(value)).hexdigest(),
    "slugify": slugify,
    "strip_html": strip_html,
    "uri_escape": uri_escape,
    "url_decode": url_decode,
    "url_encode": url_encode,
    "xml_escape": escape,
}
"""Filters for HTML, URLs and digests, by name."""
