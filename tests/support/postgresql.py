"""PostgreSQL, started for a test: a cluster in a folder, on a free port of this machine."""

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime.mqtt.ports import free_port

PLACES = (*(str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), os.environ["PATH"])


def _needed(program: str) -> str:
    path = next((found for place in PLACES if (found := shutil.which(program, path=place))), None)
    if path is None:
        reason = f"the program {program!r} of PostgreSQL is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def _as_who() -> list[str]:
    """PostgreSQL does not run as root."""
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The URL of a database in a new cluster."""
    initdb, pg_ctl = _needed("initdb"), _needed("pg_ctl")
    port = free_port()
    folder.mkdir()
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")
        for above in folder.parents:
            if above.stat().st_uid == 0 and not above.stat().st_mode & 0o001:
                above.chmod(above.stat().st_mode | 0o011)
    data = folder / "data"
    user = "nobody" if os.geteuid() == 0 else getpass.getuser()
    made = [*_as_who(), initdb, "-D", str(data), "-U", user, "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, cwd=folder)
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"
    log = folder / "log"
    subprocess.run(
        [*_as_who(), pg_ctl, "-D", str(data), "-w", "-l", str(log), "-o", options, "start"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        yield f"postgresql://{user}@127.0.0.1:{port}/postgres"
    finally:
        stop = [*_as_who(), pg_ctl, "-D", str(data), "-m", "immediate", "stop"]
        subprocess.run(stop, check=True, capture_output=True, cwd=folder)
