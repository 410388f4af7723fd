"""The messages of the charts in the words of the reference diagram.

An event is drawn as its PUBLISH, a call as the reference diagram words it where the reference diagram has it, and by
its own name where no diagram draws it. A run that was recorded reads like the specification because it is written with
these labels.
"""

import ast
from collections.abc import Mapping

from immutabledict import immutabledict

from machines.calls import (
    CONNACK,
    SUBACK,
    SUBSCRIBE,
    Call,
    ChangeView,
    CheckJoin,
    JoinConflicts,
    JoinPossible,
    Message,
    PublishFailed,
    RegisterClient,
    SetTimeout,
    TimeoutExceeded,
    ViewDescribed,
)
from machines.events import ANSWERS, EVENT_OF_NAME, BusEvent, ClientEvent
from spec.notation.text import escape

WORDS: Mapping[type[Call], str] = immutabledict(
    {
        SetTimeout: "Set timeout.",
        TimeoutExceeded: "Timeout exceeded.",
        CheckJoin: r"Check if //Torrent Server//\ncan join the //Distribution\nService//.",
        JoinPossible: (
            r"Returns what the //Torrent\nServer// has to change to\nit's //Distribution View// to join\n"
            r"the //Distribution Service//."
        ),
        JoinConflicts: (
            r"Returns that the //Torrent\nServer// can not join the\n//Distribution Service//,\n"
            r"because conflicts were\nfound."
        ),
        ChangeView: r"Change //Distribution View//\naccordingly.",
        RegisterClient: r"Add //Torrent Server// to the\n//Distribution View//.",
    }
)
"""Calls as the reference diagram words them (lines 26 to 56), and two that protocol diagrams beside it need."""

VERDICTS = frozenset(packet.__name__ for packet in (CONNACK, SUBACK))
"""Answers of the broker, whose detail ends with `accepted` or `refused`."""


def label(message: Message) -> str:
    r"""The text of an arrow that carries `message`, in the notation (`\n` breaks a line, `//` is italics)."""
    if isinstance(message, BusEvent):
        return _event(type(message))
    if isinstance(message, Call) and type(message) in WORDS:
        return WORDS[type(message)]
    topic = message.topic if isinstance(message, SUBSCRIBE | SUBACK) else ""
    return _plain(type(message).__name__, topic, refused=not getattr(message, "accepted", True))


def label_about(message: Message) -> str:
    """The same, and below it the client that an event names: for runs in which several do the same."""
    client = message.client if isinstance(message, ClientEvent) else ""
    return label(message) + (rf"\nof {escape(client)}" if client else "")


def subscriptions(topics: int) -> str:
    """So many subscriptions that the broker grants, told together."""
    return f"{SUBSCRIBE.__name__} and {SUBACK.__name__}, {topics} topics"


def label_named(name: str, detail: str = "") -> str:
    """The same for a message of which only the name is known, and the detail that a binding gives it.

    Read with the default binding it is that message with that detail again. A detail is a topic, say; of a message of
    a chart that is not ours it is its values.
    """
    if name in EVENT_OF_NAME:
        return _event(EVENT_OF_NAME[name], detail)
    if name in VERDICTS:
        topic, _, verdict = detail.rpartition(" ")
        return _plain(name, topic, refused=verdict == "refused")
    if name == ViewDescribed.__name__ and detail:
        return rf"Returns what the //Distribution View//\nholds: {escape(detail)}."
    if name in {SUBSCRIBE.__name__, PublishFailed.__name__}:
        return _plain(name, detail)
    if detail:
        return escape(_with_values(name, detail))
    return next((words for call, words in WORDS.items() if call.__name__ == name), escape(name))


def _event(event: type[BusEvent], client: str = "") -> str:
    """`PUBLISH topic (Name Event)`; with whom it names, as diagrams write that."""
    about = f" {'for' if event in ANSWERS else 'of'} {escape(client)}" if client else ""
    return rf"PUBLISH {event.topic}\n({event.__name__} Event{about})"


def _plain(name: str, about: str = "", *, refused: bool = False) -> str:
    """A name, what it is about, and whether the broker refuses it."""
    return escape(f"{name} {about}".rstrip()) + (r"\n(refused)" if refused else "")


def _with_values(name: str, detail: str) -> str:
    """`amount(7, 'x')`, for the detail `7; 'x'`."""
    try:
        values = [ast.unparse(value) for value in ast.parse(detail).body]
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return f"{name} {detail}"
    return f"{name}({', '.join(values)})"
