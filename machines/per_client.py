"""What is worked out about each client that is known, and kept no longer than the client is.

A cache of so many answers would keep what clients brought that left long ago: a set of a hundred thousand hashes for
each time that somebody joined.
"""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from machines.events import ClientMetadata

T = TypeVar("T")


class PerClient(Generic[T]):
    """Answers about clients: each is asked for once, as long as the same metadata is asked about again.

    As a cache it changes no answer; `work_out` gives the same for the same client.
    """

    def __init__(self, work_out: Callable[[str, ClientMetadata], T]) -> None:
        self._work_out = work_out
        self._last: Mapping[str, tuple[ClientMetadata, T]] = {}

    def of(self, clients: Mapping[str, ClientMetadata]) -> list[T]:
        """The answer about each of these clients, in their order; what is not about one of them is forgotten."""
        before = self._last
        answers: dict[str, tuple[ClientMetadata, T]] = {}
        for client, info in clients.items():
            known = before.get(client)
            answers[client] = known if known and known[0] is info else (info, self._work_out(client, info))
        self._last = answers
        return [answer for _, answer in answers.values()]
