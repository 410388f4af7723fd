"""The messages of the charts in the words of the reference diagram.

An event is drawn as its PUBLISH, a call as the reference diagram words it where the reference diagram has it, and by
its own name where no diagram draws it. A run that was recorded reads like the specification because it is written with
these labels.
"""

from collections.abc import Mapping

from immutabledict import immutabledict

from machines.calls import (
    SUBACK,
    SUBSCRIBE,
    Call,
    ChangeView,
    CheckJoin,
    JoinConflicts,
    JoinPossible,
    Message,
    RegisterClient,
    SetTimeout,
    TimeoutExceeded,
)
from machines.events import BUS_EVENTS, BusEvent
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


def label(message: Message) -> str:
    r"""The text of an arrow that carries `message`, in the notation (`\n` breaks a line, `//` is italics)."""
    if isinstance(message, BusEvent):
        return rf"PUBLISH {message.topic}\n({type(message).__name__} Event)"
    if isinstance(message, SUBSCRIBE):
        return f"SUBSCRIBE {message.topic}"
    if isinstance(message, SUBACK):
        return f"SUBACK {message.topic}" + ("" if message.accepted else r"\n(refused)")
    if isinstance(message, Call) and type(message) in WORDS:
        return WORDS[type(message)]
    return type(message).__name__ + ("" if getattr(message, "accepted", True) else r"\n(refused)")


def label_named(name: str, detail: str = "") -> str:
    """The same for a message of which only the name is known, and the detail that a binding gives it: a topic, say."""
    for event in BUS_EVENTS:
        if event.__name__ == name:
            return rf"PUBLISH {event.topic}\n({name} Event)"
    for call, words in WORDS.items():
        if call.__name__ == name and not detail:
            return words
    topic = detail.removesuffix("accepted").removesuffix("refused").strip()
    return escape(f"{name} {topic}".rstrip()) + (r"\n(refused)" if detail.endswith("refused") else "")
