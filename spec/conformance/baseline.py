"""The baseline: findings that are understood and accepted. They are still counted in every report, with the reason.

A finding is known by its content (`Finding.identifier`, which every report prints), so that one in another place, or of
another cause, is not accepted with it, whatever the file is called.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spec.binding import BindingError
from spec.conformance.finding import Finding

FORM = 'a [[baseline]] has an id, the identifier that a report prints, and says why: id = "1a2b3c4d", why = "..."'


@dataclass(frozen=True)
class Accepted:
    """A finding that is understood: its identifier, and why it is accepted."""

    id: str
    why: str


def accept(finding: Finding, accepted: Sequence[Accepted]) -> Finding:
    """The finding, with the reason if it is one of those."""
    why = next((row.why for row in accepted if row.id == finding.identifier), "")
    return replace(finding, accepted=why) if why else finding


def read_accepted(path: Path) -> list[Accepted]:
    """The accepted findings in a TOML file; none if there is no file. Raises `BindingError`."""
    if not path.exists():
        return []
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        rows = data.pop("baseline", [])
        found = [Accepted(**row) for row in rows]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BindingError(f"{path}: {error}; {FORM}") from None
    except TypeError as error:
        raise BindingError(f"{path}: {error}; {FORM}") from None
    if data:
        if "accepted" in data:
            raise BindingError(f"{path}: the table 'accepted' is called 'baseline' now: rename it")
        raise BindingError(f"{path}: unknown table {next(iter(data))!r}; {FORM}")
    for row in found:
        if not (isinstance(row.id, str) and isinstance(row.why, str) and row.why.strip()):
            raise BindingError(f"{path}: {row.id!r}: {FORM}")
    return found
