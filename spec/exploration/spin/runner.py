"""SPIN on a model of a closed system: compile it, run it, read what it found.

The best settings that were found for these models: depth first, optimised C, assertions only (`-DSAFETY`), and none of
SPIN's reductions (`-DNOREDUCE`), since the numbers of states are compared.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

OPTIONS = ("-O3", "-DNOREDUCE", "-DSAFETY", "-DNOFAIR", "-DNOBOUNDCHECK")
"""How the search is compiled."""
GENERATE = ("-a", "-o1", "-o2")
"""Without SPIN's optimisations that look for what is never read: it does not look into C."""
DEPTH = 100_000
"""The longest path that is followed. Each step of it costs SPIN some hundred bytes, whether it is taken or not."""


class SpinError(RuntimeError):
    """SPIN did not answer: the message says why, and what to do."""


class Hole(SpinError):  # noqa: N818 - the model ends there, SPIN does not fail
    """The model was asked for something that was not known when it was written."""


@dataclass(frozen=True)
class Report:
    """What SPIN found."""

    states: int
    transitions: int
    depth: int
    seconds: float
    """Of the search alone, as SPIN tells."""
    megabytes: float
    state_bytes: int
    errors: int
    violated: int
    """The properties that some state violates, as bits."""
    compiling: float
    """Seconds that SPIN and the C compiler took to make the search."""


def run(
    model: str,
    *,
    properties: int = 0,
    depth: int = DEPTH,
    memory: int = 8000,
    table: int = 24,
    options: Sequence[str] = OPTIONS,
    timeout: float | None = None,
) -> Report:
    """Search a model of `promela.write` completely, or until a state violates one of `properties`. Raises `SpinError`.

    `memory` is in megabytes, and `table` is the binary logarithm of the size of SPIN's hash table. Without `properties`
    all states are searched, and the report says which properties any of them violates.
    """
    spin = _program("spin", "apt-get install spin")
    compiler = _program("cc", "apt-get install gcc")
    with tempfile.TemporaryDirectory(prefix="spin-") as name:
        folder = Path(name)
        (folder / "model.pml").write_text(model, encoding="utf-8")
        began = time.perf_counter()
        _call([spin, *GENERATE, "model.pml"], folder)
        defined = [f"-DPROPERTIES={words_in_c(properties)}", f"-DMEMLIM={memory}"]
        _call([compiler, *options, *defined, "-w", "-o", "pan", "pan.c"], folder)
        compiling = time.perf_counter() - began
        told = _call(["./pan", f"-m{depth}", f"-w{table}"], folder, timeout=timeout, fails=True)
    if "violated:" in model and "violated:" not in told:
        raise SpinError(f"SPIN did not say which properties are violated; it said: {told[-2000:]}")
    return _read(told, compiling, properties, depth, memory)


FAIR = ("-O0", "-DNOREDUCE", "-DNOBOUNDCHECK", "-DNOSTUTTER")
"""How a search for fair cycles is compiled: a run that ends is no cycle."""


def has_fair_cycle(model: str, *, depth: int = DEPTH, memory: int = 8000, timeout: float | None = None) -> bool:
    """Whether a model with a process for each component and kind goes round for ever, fairly. Raises `SpinError`.

    SPIN's fairness is weak, and by process: a process that can always do something does something some day. That is the
    fairness of `spec.exploration.fairness` where messages stay in order, and no component has two actions of one kind,
    in all states together, but for reading: what is read first stays the first.
    """
    with tempfile.TemporaryDirectory(prefix="spin-") as name:
        folder = Path(name)
        (folder / "model.pml").write_text(model, encoding="utf-8")
        _call([_program("spin", "apt-get install spin"), *GENERATE, "model.pml"], folder)
        compiler = _program("cc", "apt-get install gcc")
        room = f"-DNFAIR={2 + model.count('active proctype') // 2}"  # for more processes than SPIN expects
        _call([compiler, *FAIR, room, f"-DMEMLIM={memory}", "-w", "-o", "pan", "pan.c"], folder)
        told = _call(["./pan", "-a", "-f", "-E", f"-m{depth}", "-w18"], folder, timeout=timeout, fails=True)
    if "acceptance cycle" in told:
        return True
    return _read(told, 0.0, 0, depth, memory).errors > 0


def words_in_c(number: int) -> str:
    """Bits as the model wants them to be defined."""
    words = [f"{number >> place & (1 << 64) - 1:#x}ULL" for place in range(0, max(1, number.bit_length()), 64)]
    return ",".join(words)


def _program(name: str, remedy: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise SpinError(f"the program {name!r} is not installed; on Debian: {remedy}")
    return path


def _call(command: Sequence[str], folder: Path, *, timeout: float | None = None, fails: bool = False) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own model, and programs that were looked up
            command, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise SpinError(f"{command[0]} takes longer than {timeout} s; give it more, or a smaller scenario") from None
    told = done.stdout + done.stderr
    if done.returncode and not fails:
        raise SpinError(f"{' '.join(command)}: exit status {done.returncode}: {told[-2000:]}")
    return told


def _read(told: str, compiling: float, properties: int, depth: int, memory: int) -> Report:
    given_up = re.search(r"gave up: (.*)", told)
    if given_up:
        raise Hole(f"the model does not know enough: {given_up[1]}; search the system completely, then write it")
    if "max search depth too small" in told:
        raise SpinError(f"paths are longer than {depth}; give a greater depth")
    if "-DMEMLIM bound" in told or "out of memory" in told:
        raise SpinError(f"the search needs more than {memory} megabytes; give more, or a smaller scenario")
    if "Search not completed" in told and not (properties and _number(r"errors: (\d+)", told)):
        raise SpinError(f"the search was not completed: {told[-2000:]}")
    return Report(
        states=int(_number(r"(\d+) states, stored", told)),
        transitions=int(_number(r"([\d.e+]+) transitions", told)) - 1,  # the initial state is one, for SPIN
        depth=int(_number(r"depth reached (\d+)", told)),
        seconds=_number(r"elapsed time ([\d.e+-]+) seconds", told),
        megabytes=_number(r"([\d.]+)\s+total actual memory usage", told),
        state_bytes=int(_number(r"State-vector (\d+) byte", told)),
        errors=int(_number(r"errors: (\d+)", told)),
        violated=int((re.search(r"violated: ([0-9a-f]+)", told) or ("", "0"))[1], 16),
        compiling=compiling,
    )


def _number(pattern: str, told: str) -> float:
    found = re.search(pattern, told)
    if found is None:
        raise SpinError(f"SPIN did not say {pattern!r}; it said: {told[-2000:]}")
    return float(found[1])
