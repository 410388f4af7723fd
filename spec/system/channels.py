"""The channels between lifelines: one model, for every search and for both directions of a check.

A binding names the model (`[channels] model = "..."`); what leaves a lifeline arrives as the model says:

- `receiver` (the default): one queue for each receiver, first in first out. Whoever sends first is read first.
- `pair`: one queue for each sender and receiver. Messages of different senders overtake each other freely.
- `any`: no order at all, a bag for each receiver.

These are the mailbox, the peer-to-peer and the asynchronous model of Di Giusto, Ferré, Laversa and Lozes ("A partial
order view of message-passing communication models", POPL 2023). Messages between lifelines of one server (a *call*)
never share a queue with what comes from elsewhere: a server that awaits the answer of its own view leaves the bus
alone.

A state keeps its channels as a sorted tuple of rows: a key, and what is under way, oldest first. The key is sender and
receiver, or `SHARED` and receiver; under a shared key each entry tells its sender, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from spec.binding import Model

SHARED = -1
"""In place of the sender, where messages of all senders stand in one queue."""

Key = tuple[int, int]
Rows = tuple[tuple[Key, tuple[int, ...]], ...]


class Flight(NamedTuple):
    """A message that can be received next: its place in which row, who sent it, and its number."""

    key: Key
    place: int
    sender: int
    message: int


@dataclass(frozen=True)
class Channels:
    """Where messages between lifelines wait. Lifelines are their places; `groups` has the server of each, or ""."""

    model: Model
    groups: tuple[str, ...]

    def key(self, sender: int, receiver: int) -> Key:
        """The row in which messages from one lifeline to another wait."""
        if self.model == "pair" or self.is_call(sender, receiver):
            return (sender, receiver)
        return (SHARED, receiver)

    def is_bag(self, key: Key) -> bool:
        """Whether messages in that row are in no order."""
        return key[0] == SHARED and self.model == "any"

    def is_call(self, sender: int, receiver: int) -> bool:
        """Whether both are lifelines of one server."""
        return self.groups[sender] == self.groups[receiver] != ""

    def put(self, rows: Rows, sender: int, receiver: int, message: int) -> Rows:
        """The rows with a message more under way."""
        key = self.key(sender, receiver)
        entry = message * len(self.groups) + sender if key[0] == SHARED else message
        found = dict(rows)
        waiting = (*found.get(key, ()), entry)
        found[key] = tuple(sorted(waiting)) if self.is_bag(key) else waiting
        return tuple(sorted(found.items()))

    def take(self, rows: Rows, flight: Flight) -> Rows:
        """The rows without a message that was received."""
        kept = ((key, _without(entries, flight.place) if key == flight.key else entries) for key, entries in rows)
        return tuple(row for row in kept if row[1])

    def arriving(self, rows: Rows, receiver: int) -> Iterator[Flight]:
        """What a lifeline can receive next: the head of each queue to it, or each message of its bag once."""
        for key, entries in rows:
            if key[1] == receiver:
                if self.is_bag(key):
                    for entry in dict.fromkeys(entries):
                        yield self._flight(key, entries.index(entry), entry)
                else:
                    yield self._flight(key, 0, entries[0])

    def all(self, rows: Rows) -> Iterator[Flight]:
        """All messages that are in flight, each with its channel and its place in that."""
        for key, entries in rows:
            for place, entry in enumerate(entries):
                yield self._flight(key, place, entry)

    def between(self, rows: Rows, sender: int, receiver: int) -> tuple[int, ...]:
        """The messages that are under way from one lifeline to another, oldest first."""
        return tuple(f.message for f in self.all(rows) if (f.sender, f.key[1]) == (sender, receiver))

    def cut(self, rows: Rows, sender: int, receiver: int) -> Rows:
        """The rows without what is under way from one lifeline to another."""
        kept: list[tuple[Key, tuple[int, ...]]] = []
        for key, entries in rows:
            flights = [self._flight(key, place, entry) for place, entry in enumerate(entries)]
            left = tuple(entries[f.place] for f in flights if (f.sender, f.key[1]) != (sender, receiver))
            if left:
                kept.append((key, left))
        return tuple(kept)

    def _flight(self, key: Key, place: int, entry: int) -> Flight:
        if key[0] == SHARED:
            message, sender = divmod(entry, len(self.groups))
            return Flight(key, place, sender, message)
        return Flight(key, place, key[0], entry)


def _without(entries: tuple[int, ...], place: int) -> tuple[int, ...]:
    return (*entries[:place], *entries[place + 1 :])
