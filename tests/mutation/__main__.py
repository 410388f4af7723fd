"""`python -m tests.mutation [WORDS ...]`: plant every fault, or those with these words, and say what finds it.

Without words the table is written to `tests/mutation/README.md`. The exit status is 1 if a fault that is not equivalent
is not found, or one that is said to be equivalent is.
"""

import sys
from pathlib import Path

from tests.mutation.hunting import Hunt, hunt
from tests.mutation.planting import faults
from tests.mutation.table import page, row

README = Path(__file__).with_name("README.md")


def main(words: list[str]) -> int:
    """The exit status."""
    chosen = [fault for fault in faults() if not words or any(word in fault.name for word in words)]
    done: list[Hunt] = []
    for fault in chosen:
        done.append(hunt(fault))
        print(row(done[-1]), flush=True)
    wrong = [one for one in done if (one.bite is None) != bool(one.fault.equivalent)]
    for one in wrong:
        told = f"is found by {one.bite.property_!r}" if one.bite else "is not found"
        print(f"{one.fault.name}: {told}; say why it is equivalent, or that it is not", file=sys.stderr)
    if not words:
        README.write_text(page(done), encoding="utf-8")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
