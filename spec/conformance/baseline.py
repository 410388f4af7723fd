"""Findings that are understood and accepted: they are still counted in every report, with the reason."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spec.binding import BindingError
from spec.conformance.finding import Finding


@dataclass(frozen=True)
class Accepted:
    """A finding that is understood: which (the text is part of its message), and why it is accepted."""

    kind: str
    text: str
    why: str
    file: str = ""
    line: int = 0

    def covers(self, finding: Finding, file: str) -> bool:
        """Whether it is this finding."""
        return (
            finding.kind == self.kind
            and self.text in finding.message
            and (not self.file or Path(file).name == self.file)
            and (not self.line or finding.line == self.line)
        )


def accept(finding: Finding, file: str, accepted: Sequence[Accepted]) -> Finding:
    """The finding, with the reason if it is one of those."""
    why = next((row.why for row in accepted if row.covers(finding, file)), "")
    return replace(finding, accepted=why) if why else finding


def read_accepted(path: Path) -> list[Accepted]:
    """The accepted findings in a file beside the diagrams; none if there is no file. Raises `BindingError`."""
    if not path.exists():
        return []
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("accepted", [])
        return [Accepted(**row) for row in rows]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BindingError(f"{path}: {error}") from None
    except TypeError as error:
        raise BindingError(
            f"{path}: an [[accepted]] has kind, text, why, and may have file and line: {error}"
        ) from None
