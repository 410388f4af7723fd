"""Torrent servers that join and leave, one after the other, while others stay."""

import gc
import types
import weakref
from collections.abc import Callable, Collection, Sequence

from tests.support.services import Bus, Running, shared

FILES = 3
"""That each brings; they are the same ones, as a service keeps what it knows of files."""


async def come_and_go(
    bus: Bus, stay: Sequence[Running], numbers: Collection[int], dies: Callable[[int], bool]
) -> list["weakref.ref[frozenset[str]]"]:
    """Each joins under a name of its own, and says goodbye or dies. What the first of `stay` held of each.

    It is told what it stores by each anew; so the set of its fragments is another object for each, which is freed when
    nobody holds what it was told.
    """
    held = []
    for number in numbers:
        name = f"torrent-{number:06}"
        running = await bus.torrent(name, shared("of-everybody", FILES)).member()
        for other in stay:
            await _knows(other, name, known=True)
        held.append(weakref.ref(stay[0].server.view.clients[name].stored_fragments))
        await (running.kill() if dies(number) else running.stop())
        for other in stay:
            await _knows(other, name, known=False)
        bus.running.remove(running)
    return held


async def _knows(other: Running, name: str, *, known: bool) -> None:
    await other.until(lambda: (name in other.server.view.clients) is known)


def holders(held: object, depth: int = 6) -> str:
    """What holds an object, what holds that, and so on: one of each, in words."""
    words: list[str] = []
    passed = {id(held)}
    while len(words) < depth:
        found = [each for each in gc.get_referrers(held) if not isinstance(each, types.FrameType)]
        found = [each for each in found if id(each) not in passed]
        if not found:
            break
        held = found[0]
        passed |= {id(held), id(found)}
        words.append(f"{type(held).__qualname__} {repr(held)[:80]}")
    return ", which is held by ".join(words) or "nothing that the garbage collector follows"
