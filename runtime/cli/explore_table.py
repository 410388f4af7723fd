"""`clientjoin explore --table`: the product of scenarios and properties, printed."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

if TYPE_CHECKING:
    from spec.exploration.explore import Options


def tell_table(path: Path | None, options: "Options") -> Literal["holds", "broken", "undetermined"]:
    """Search all scenarios, those of a file too, and print the table; one verdict for all. Raises `ScenarioError`."""
    from spec.exploration.explore import explore
    from spec.exploration.model.scenario import scenarios
    from spec.exploration.product import LARGEST, text
    from spec.exploration.result import joined

    options = replace(options, most=options.most or LARGEST)
    results = []
    for one in scenarios(path).values():
        results.append(explore(one, options))
        typer.echo(repr(results[-1]), err=True)
    typer.echo("\n".join(text(results)))
    return joined(tuple(verdict for result in results for verdict in result.verdicts))
