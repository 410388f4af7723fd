"""What became of a case, and of all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from spec.monitor import Forbidden
from spec.monitor.explanation import diagram, nearest, sentences


class Status(Enum):
    """What is said of an arrow, an obligation or a case; of several the worst counts, which stands first here."""

    VIOLATES = "violates"
    CANNOT_TELL = "cannot tell"
    CONFORMS = "conforms"
    NOT_EXERCISED = "not exercised"
    ITS_CHOICE = "its choice"
    """The question does not arise: the protocol leaves it to the server, or its owner has said so."""


ORDER = list(Status)
UNANSWERED = frozenset({Status.CANNOT_TELL, Status.NOT_EXERCISED})
"""What is said where a question was not answered, which is no pass."""


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of them; not exercised if there is none."""
    return min(statuses, key=ORDER.index, default=Status.NOT_EXERCISED)


@dataclass
class Case:
    """One case: a path of a diagram, a case of its own, or a random one."""

    name: str
    title: str
    status: Status = Status.NOT_EXERCISED
    why: str = ""
    arrows: dict[str, Status] = field(default_factory=dict)
    """By the identifiers of arrows."""
    obligations: dict[str, Status] = field(default_factory=dict)
    found: Forbidden | None = None
    run: tuple[str, ...] = ()
    """What was seen, as lines of the format of runs."""
    output: str = ""
    """What the server printed last."""
    seconds: float = 0.0
    is_expected: bool = False
    """Whether its violation was expected (`--xfail`)."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, sentence by sentence."""
        found = () if self.found is None else tuple(sentences(self.found))
        return (self.why, *found) if self.why else found

    @property
    def observed(self) -> str:
        """What was seen, as a sequence diagram; empty unless it violates."""
        return "" if self.found is None else diagram(self.found)

    @property
    def expected(self) -> str:
        """What would have been right, as a sequence diagram."""
        return "" if self.found is None else nearest(self.found)


OBLIGATIONS: Mapping[str, str] = {
    "starts": "it connects, subscribes and says its first word",
    "readable": "it publishes payloads that are events of their topics",
    "itself": "it names itself, and nobody else",
    "unique": "no two of its events have one EventId",
    "allowed": "it publishes nothing that its statechart does not allow",
    "answers": "what it has to publish, it publishes in time",
    "malformed": "it ignores payloads that are no events, and lives on",
    "types": "it ignores events in which a property is missing or of another type",
    "twice": "it ignores events in which a property is given twice",
    "unknown": "it skips properties that it does not know",
    "others": "it ignores answers to other clients",
    "repeated": "an event that is delivered twice counts once",
    "waits": "when the procedure has failed it waits for the next TrackerHello",
    "metadata": "who knows a file or fragment otherwise than the tracker takes the tracker's metadata",
    "news": "files that others bring while it is registered are in its next request",
    "leavers": "a client that has said goodbye is announced to nobody",
    "failures": "whose join failed has no endpoints any more",
    "former": "what names another request than the latest one is no answer to that, nor a confirmation of it",
    "conflicts": "it denies whoever offers an endpoint of another client",
    "spelling": "it compares hash algorithms without case",
    "sizes": "it accepts its own fragment size, and denies another",
    "known": "what a client knows as the service does is neither added nor removed, and is no news",
    "again": "a registered client may ask anew: its own endpoints are no conflict",
    "promised": "two registered clients never share an endpoint, though both were accepted",
    "expires": "what comes after its timeout is too late",
    "stays": "who is registered stays so, when the timeouts of joining are over",
    "overdue": "who has confirmed and is not registered until its timeout has failed",
    "restarts": "a tracker that begins anew lists nobody",
    "retires": "when the tracker has said goodbye it is not registered, and says no goodbye when it stops",
    "stops": "it says goodbye when it is asked to stop (SIGTERM)",
}
"""The obligations of a server in addition to the arrows, by identifier."""
TELLS = {
    "publishes no event": "readable",
    "speaks for": "itself",
    "carries the EventId": "unique",
    "publishes nothing": "answers",
    "does not disconnect": "answers",
    "never says": "starts",
    "never starts": "starts",
}
"""How it is said of which obligation that it is violated; all else is about what is allowed."""


def violated(found: Forbidden) -> str:
    """The identifier of the obligation that is violated by what is forbidden."""
    return next((name for words, name in TELLS.items() if found.what.startswith(words)), "allowed")
