"""Programs that tests need beside Python; where one is missing: skipped by hand, failed in CI."""

import os
import shutil

import pytest

HANGS = 240
"""Seconds after which a program hangs: many more than any takes, since a machine may be busy with other things."""


def needed(program: str) -> str:
    """Where a program is; the test that asks is skipped without it, and fails where CI is set."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if path is None:
        reason = f"the program {program!r} is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path
