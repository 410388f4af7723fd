"""The server under test, as a process of its own."""

import asyncio
import contextlib
import os
import shlex
import signal
import tempfile
from dataclasses import dataclass, field
from typing import IO

TAIL = 2000
"""Bytes of what a server printed last that a report tells."""


class SubjectError(Exception):
    """The server under test cannot be started: the message says why."""


@dataclass
class Subject:
    """A command with the places `{url}`, `{host}`, `{port}` and `{id}`, started for each case anew."""

    command: str
    url: str
    host: str
    port: int
    client: str
    process: asyncio.subprocess.Process | None = None
    output: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    async def start(self) -> None:
        """Start it. Raises `SubjectError` if there is no such program."""
        places = {"url": self.url, "host": self.host, "port": str(self.port), "id": self.client}
        command = self.command
        for name, value in places.items():
            command = command.replace(f"{{{name}}}", value)
        try:
            arguments = shlex.split(command)
            self.process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=self.output,
                stderr=self.output,
                start_new_session=True,
            )
        except (OSError, ValueError, IndexError) as error:
            raise SubjectError(f"--exec: cannot start {command!r}: {error}") from None

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended by itself."""
        return self.process is not None and self.process.returncode is not None

    async def stop(self, within: float) -> bool:
        """Ask it to stop (SIGTERM), and end it after `within` seconds; whether it stopped by itself."""
        self._signal(signal.SIGTERM)
        if self.process is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self.process.wait()
                return True
        await self.kill()
        return False

    async def kill(self) -> None:
        """End it at once, with all processes that it started."""
        self._signal(signal.SIGKILL)
        if self.process is not None:
            await self.process.wait()
            self._signal(signal.SIGKILL, ended=True)

    def _signal(self, number: signal.Signals, *, ended: bool = False) -> None:
        """Signal the process group that was started here."""
        if self.process is None or (self.has_ended and not ended):
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def close(self) -> None:
        """Forget what it printed."""
        self.output.close()

    def tail(self) -> str:
        """What it printed last."""
        size = self.output.seek(0, os.SEEK_END)
        self.output.seek(max(0, size - TAIL))
        return self.output.read().decode(errors="replace").strip()
