"""What was probably meant, where a name is not known."""

import difflib
from collections.abc import Iterable


def near_to(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """A hint that goes on an error, "; did you mean 'losses'?"; empty if none of the known names is near.

    `cutoff` is how alike they have to be, from 0 to 1 (`difflib.SequenceMatcher.ratio`).
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"; did you mean {near[0]!r}?" if near else ""
