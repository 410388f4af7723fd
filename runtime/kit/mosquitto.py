"""Mosquitto as the kit's broker, on a free port, for one case."""

import asyncio
import contextlib
import tempfile
from pathlib import Path

from runtime.kit.subject import SubjectError
from runtime.mqtt.ports import free_port

PROBE = 0.02
"""Seconds between attempts to reach it."""


class Mosquitto:
    """A Mosquitto that keeps nothing and lets everybody in, on this machine only."""

    def __init__(self, program: str) -> None:
        self._program = program
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory()
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, within: float) -> None:
        """Start it, and wait until it listens. Raises `SubjectError` if it does not."""
        config = Path(self._folder.name) / "mosquitto.conf"
        lines = (f"listener {self.port} 127.0.0.1", "allow_anonymous true", "persistence false", "set_tcp_nodelay true")
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        try:
            self._process = await asyncio.create_subprocess_exec(
                self._program, "-c", str(config), stderr=asyncio.subprocess.DEVNULL
            )
        except OSError as error:
            self._folder.cleanup()
            raise SubjectError(f"--mosquitto: cannot start {self._program!r}: {error}") from None
        try:
            async with asyncio.timeout(within):
                while not await self._listens():  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(PROBE)
        except TimeoutError:
            await self.stop()
            raise SubjectError(f"--mosquitto: {self._program!r} does not listen after {within:g} s") from None

    async def stop(self) -> None:
        """End it."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._folder.cleanup()

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True
