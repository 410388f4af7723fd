"""The server under test, as a process of its own."""

import asyncio
import contextlib
import os
import shlex
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from uuid import uuid4

from runtime.mqtt.session import BrokerAddress

TAIL = 2000
"""Bytes of what a server printed last that a report tells."""
MARK = "CLIENTJOIN_VERIFIED"
"""The environment variable by which processes are known that a server has started, whatever group they are in."""
ENDS_WITHIN = 5.0
"""Seconds in which processes that were killed are waited for: the system ends them when it comes to it."""
LOOKS_EVERY = 0.01
"""Seconds between two looks at the processes that are left."""
PRINTED = 120
"""Characters of the last line that a server printed which has ended."""


class SubjectError(Exception):
    """The server under test cannot be started, or not be ended: the message says why."""


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
    mark: str = field(default_factory=lambda: uuid4().hex)

    def connect_to(self, address: BrokerAddress) -> None:
        """It is to connect to this broker when it starts the next time."""
        self.url, self.host, self.port = str(address), address.host, address.port

    async def start(self) -> None:
        """Start it. Raises `SubjectError` if there is no such program."""
        places = {"url": self.url, "host": self.host, "port": str(self.port), "id": self.client}
        command = self.command
        for name, value in places.items():
            command = command.replace(f"{{{name}}}", value)
        try:
            arguments = shlex.split(command)
            if not arguments:
                raise SubjectError(f"--exec {self.command!r} names no program")
            starting = asyncio.create_task(self._started(*arguments))
            try:
                self.process = await asyncio.shield(starting)
            except asyncio.CancelledError:
                # asyncio would end the process alone, and leave what it has started by then
                with contextlib.suppress(OSError):
                    self.process = await starting
                raise
        except (OSError, ValueError) as error:
            raise SubjectError(f"--exec: cannot start {command!r}: {error}") from None

    async def _started(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
            start_new_session=True,
            env={**os.environ, MARK: self.mark},
        )

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended by itself."""
        return self.process is not None and self.process.returncode is not None

    async def stop(self, within: float, by: signal.Signals = signal.SIGTERM) -> bool:
        """Ask it to stop by a signal, and end it after `within` seconds; whether it stopped by itself."""
        self._signal(by)
        if self.process is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self.process.wait()
                return True
        await self.kill()
        return False

    async def kill(self) -> None:
        """End it at once, with all processes that it started, and wait until they have ended.

        Raises `SubjectError` if one of them cannot be ended.
        """
        self._signal(signal.SIGKILL)
        if self.process is not None:
            await self.process.wait()
            self._signal(signal.SIGKILL, ended=True)
            await self._kill_left()

    async def _kill_left(self) -> None:
        left: list[int] = []
        try:
            async with asyncio.timeout(ENDS_WITHIN):
                while left := list(self._left()):
                    for process in left:
                        with contextlib.suppress(ProcessLookupError, PermissionError):
                            os.kill(process, signal.SIGKILL)
                    await asyncio.sleep(LOOKS_EVERY)
        except TimeoutError:
            numbers = ", ".join(map(str, left))
            raise SubjectError(
                f"--exec: what the server under test has started could not be ended, and would disturb the next case: "
                f"end {numbers} by hand"
            ) from None

    def _left(self) -> Iterator[int]:
        """The processes that it has started in other groups, as a daemon does, where `/proc` tells of them."""
        mark = f"{MARK}={self.mark}".encode()
        for place in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):  # it has ended meanwhile, or is somebody else's
                if mark in place.read_bytes().split(b"\0"):
                    yield int(place.parent.name)

    def end(self) -> str:
        """How it ended by itself, in words."""
        code = self.process.returncode if self.process is not None else None
        how = f"signal {-code}" if code is not None and code < 0 else f"status {code}"
        stays = ": it has to stay in the foreground" if code == 0 else ""
        printed = self.tail().splitlines()[-1:]
        said = f"; it printed {printed[0][:PRINTED]!r} last" if printed else ""
        return f"it ended by itself, with {how}{stays}{said}"

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
