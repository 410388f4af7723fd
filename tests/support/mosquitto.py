"""Mosquitto, started for a test."""

import contextlib
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from runtime.mqtt.ports import free_port
from runtime.mqtt.session import BrokerAddress


class Mosquitto:
    """A Mosquitto on a free port of this machine; `more` are further lines of its configuration."""

    def __init__(self, program: str, folder: Path, more: str = "") -> None:
        self.port = free_port()
        self.address = BrokerAddress("127.0.0.1", self.port)
        self.config = folder / f"mosquitto-{self.port}.conf"
        access = "" if "allow_anonymous" in more else "allow_anonymous true\n"
        user = "user root\n" if os.geteuid() == 0 else ""  # another one could not read what tests write
        self.config.write_text(f"{user}persistence false\nlistener {self.port} 127.0.0.1\n{access}{more}", "utf-8")
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
