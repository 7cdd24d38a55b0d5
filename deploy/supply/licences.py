"""Licences of the packages that the product ships, as SPDX expressions."""

from importlib.metadata import distribution

from license_expression import LicenseExpression, get_spdx_licensing

ALLOWED = frozenset(
    (
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "LicenseRef-Repoze",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "Unlicense",
    )
)
"""Licences of packages that may be shipped beside this project's Apache-2.0.

MPL-2.0 binds only who changes files under it. Repoze's is BSD's with a clause on names.
"""

FROM_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Repoze Public License": "LicenseRef-Repoze",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""Classifiers of packages without an expression. "BSD License" leaves the number of
clauses open: the texts of those packages (cronsim, faust-streaming, mode-streaming)
have three."""

FROM_TEXTS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache-2.0": "Apache-2.0",
    "BSD-3-Clause": "BSD-3-Clause",
    "MIT": "MIT",
}
"""Texts in the field License of packages with neither expression nor classifier."""

_spdx = get_spdx_licensing()


def licence(package: str) -> str:
    """Return the licence of an installed package, as an SPDX expression.

    Raises:
        LookupError: The package names none that is known; the fix is a row above.
    """
    metadata = distribution(package).metadata
    if expression := metadata["License-Expression"]:
        return expression
    classifiers = [
        FROM_CLASSIFIERS.get(classifier.rpartition(" :: ")[2])
        for classifier in metadata.get_all("Classifier", [])
        if classifier.startswith("License :: ")
    ]
    if names := [name for name in classifiers if name]:
        return " AND ".join(sorted(names))
    text = (metadata["License"] or "").partition("\n")[0]
    if text in FROM_TEXTS:
        return FROM_TEXTS[text]
    raise LookupError(
        f"{package}: licence {text!r} is not known: read it, and add it to licences.py"
    )


def is_allowed(expression: str) -> bool:
    """Return True if a licence, or one of those to choose from, is allowed."""
    return _allows(_spdx.parse(expression))


def _allows(node: LicenseExpression) -> bool:
    match getattr(node, "operator", "").strip():
        case "AND":
            return all(map(_allows, node.args))
        case "OR":
            return any(map(_allows, node.args))
        case _:
            return str(node) in ALLOWED
