"""Bill of materials of the product: CycloneDX 1.6 with versions and licences.

    python -m deploy.supply.sbom > dist/sbom.cdx.json

Reads the lock, and the licences of the packages that are installed from it.
"""

import sys
import tomllib

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement

from deploy.supply.licences import licence
from deploy.supply.runtime_lock import ROOT, runtime_requirements


def shipped() -> dict[str, str]:
    """Return name and version of each package that is installed on this platform."""
    requirements = map(Requirement, runtime_requirements().values())
    return {
        requirement.name: str(requirement.specifier).removeprefix("==")
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate()
    }


def bill(packages: dict[str, str]) -> Bom:
    """Return the bill of materials of packages: name to version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bom = Bom()
    product = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        licenses=[LicenseExpression(project["license"])],
        bom_ref=project["name"],
    )
    bom.metadata.component = product
    components = [
        Component(
            name=name,
            version=version,
            type=ComponentType.LIBRARY,
            licenses=[LicenseExpression(licence(name))],
            purl=PackageURL("pypi", name=name, version=version),
            bom_ref=f"{name}=={version}",
        )
        for name, version in packages.items()
    ]
    bom.components.update(components)
    bom.register_dependency(product, components)
    return bom


def render(bom: Bom) -> str:
    """Return the text of a bill of materials."""
    return JsonV1Dot6(bom).output_as_string(indent=1)


if __name__ == "__main__":
    sys.stdout.write(render(bill(shipped())) + "\n")
