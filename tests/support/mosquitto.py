"""Mosquitto, started for a test."""

import contextlib
import socket
import subprocess
import time
from pathlib import Path

import pytest

from runtime.mqtt.session import BrokerAddress


class Mosquitto:
    """A Mosquitto on a free port of this machine."""

    def __init__(self, program: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = BrokerAddress("127.0.0.1", self.port)
        self.config = folder / f"mosquitto-{self.port}.conf"
        self.config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n", "utf-8")
        self.program = program
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([self.program, "-c", self.config], stderr=subprocess.DEVNULL)
        for _ in range(1000):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert self.process.poll() is None, "Mosquitto does not run"
            time.sleep(0.01)
        pytest.fail("Mosquitto does not listen")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
