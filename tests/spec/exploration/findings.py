"""The cells of the page of scenarios and properties, as they stand there."""

from spec.exploration.product import PAGE
from spec.exploration.properties.client_join import PROPERTIES

NAMES = {one.name for one in PROPERTIES}


def table() -> dict[str, dict[str, str]]:
    """The cells of the page by property and scenario."""
    lines = [line.strip("| \n").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    (head,) = (line for line in lines if line[0] == "property")
    names = [cell.strip("`") for cell in head[1:]]
    return {line[0]: dict(zip(names, line[1:], strict=True)) for line in lines if line[0] in NAMES}
