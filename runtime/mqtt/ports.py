"""A port for a program that is started on this machine, and perhaps started again on the same one."""

import random
import socket

FROM, TO = 20_000, 32_000
"""Where it is looked for: below what systems give to outgoing connections, which would take it between two starts."""
TRIES = 200


def free_port() -> int:
    """A TCP port of 127.0.0.1 at which nobody listens. Raises `OSError` if none is found."""
    for port in random.SystemRandom().sample(range(FROM, TO), TRIES):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise OSError(f"no free port was found from {FROM} to {TO}")
