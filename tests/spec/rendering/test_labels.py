"""What is written on an arrow is read back as the message that it carries, and what is drawn is written again."""

import re
from functools import cache

import pytest
from immutabledict import immutabledict

from machines import CALLS, PACKETS
from machines.calls import SUBACK, SUBSCRIBE, Message, PublishFailed, ViewDescribed
from machines.events import (
    ANSWERS,
    BESIDE,
    BUS_EVENTS,
    TORRENT,
    TRACKER,
    ClientEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    FileMetadata,
    TrackerHello,
)
from spec.binding import Binding, Word, load, normal
from spec.binding.labels import detail_of_values, values_of
from spec.conformance.counterexample import written
from spec.conformance.lexicon import word_of
from spec.notation import read
from spec.notation.text import plain
from spec.rendering.labels import WORDS, label, label_about, label_named
from spec.system.process import detail_of, name_of
from spec.system.setup import OURS
from tests.support.places import DIAGRAMS
from tests.support.worlds import WORLDS

FILES = immutabledict({"f": FileMetadata(1), "g": FileMetadata(1)})
TOPICS = ("a", "clients/join/accepted", "is/refused", "refused")


@cache
def messages() -> tuple[Message, ...]:
    """All that charts receive where they are explored, and what says more than these do."""
    found: dict[Message, None] = dict.fromkeys(message for world in WORLDS.values() for message in world.inputs)
    found.update(dict.fromkeys(SUBACK(topic=topic, accepted=granted) for topic in TOPICS for granted in (True, False)))
    found.update(dict.fromkeys(SUBSCRIBE(topic=topic) for topic in TOPICS))
    found.update(dict.fromkeys(PublishFailed(event=event) for event in BUS_EVENTS))
    found[ClientJoinAccepted(client="plant.7", fragment_size=1, request_id="s-1")] = None
    found[ClientGoodbye(client="anna", session="s/1")] = None
    found[ViewDescribed(hash_algorithm="md5", known_file_infos=FILES)] = None
    return tuple(found)


def reads(raw: str, binding: Binding | None = None) -> Word:
    """The message of a label, with which nothing is wrong."""
    word, finding = word_of(plain(raw), 1, binding or load(), OURS)
    assert finding is None, raw
    assert word is not None
    return word


def test_every_message_is_among_them() -> None:
    assert {type(message) for message in messages()} >= {*CALLS, *PACKETS, *BUS_EVENTS} - {*BESIDE}


def test_a_message_that_is_written_is_read_as_the_same() -> None:
    binding = load()
    for message in messages():
        name, detail = name_of(message), detail_of(message)
        assert reads(written(name, detail, binding), binding) == Word(name, detail), message


def test_a_message_of_a_run_is_read_as_one_of_its_kind() -> None:
    """The drawings of runs leave open what their lifelines tell."""
    binding = load()
    for message in messages():
        name, detail = name_of(message), detail_of(message)
        assert reads(label(message), binding).covers(name, detail), message
        word = reads(label_about(message), binding)
        assert word.covers(name, detail), message
        assert word.detail or not isinstance(message, ClientEvent)


def test_a_label_that_is_drawn_is_written_as_it_stands() -> None:
    """But for two spellings of one event in the reference diagram, and the mark of what is delivered again."""
    binding = load()
    files = sorted(DIAGRAMS.glob("*.txt"))
    drawn = {
        normal(message.label)
        for file in files
        for message in read(file.read_text(encoding="utf-8"), file=file.name).messages()
    }
    assert len(drawn) > 100
    for text in sorted(drawn):
        word = reads(text, binding)
        again = normal(plain(written(word.message, word.detail, binding)))
        assert again == re.sub(r"(?<=\w)Event\)", " Event)", text).replace("(DUP) ", ""), text


def test_words_of_the_reference_diagram_are_those_of_the_binding() -> None:
    files = DIAGRAMS.glob("ClientJoin_*.txt")
    drawn = {normal(each.label) for file in files for each in read(file.read_text(encoding="utf-8")).messages()}
    for call, words in WORDS.items():
        assert normal(plain(words)) in drawn, call
        assert normal(plain(words)) == next(rule.shown for rule in load().labels if rule.message == call.__name__)
        assert label_named(call.__name__) == words


@pytest.mark.parametrize(
    "values", [(7,), (-1, "x"), ("a; b", 'it\'s "q"'), (True, None, 1.5), ("//no// markup\\n",), ("7",)]
)
def test_values_that_are_written_are_read_as_the_same(values: tuple[str | float | None, ...]) -> None:
    text = plain(label_named("amount", detail_of_values(values)))
    assert text.startswith("amount(")
    assert values_of(text.removeprefix("amount(").removesuffix(")")) == values


def test_the_binding_says_which_events_are_beside_client_join() -> None:
    for lifeline, side in (("Tracker", TRACKER), ("Torrent", TORRENT)):
        published = {name for row in load().publishes if lifeline in row.lifelines for name in row.messages}
        assert published == {event.__name__ for event in BESIDE if event.publisher == side}


def test_answers_are_for_a_client_and_all_else_is_of_one() -> None:
    assert all(label_named(event.__name__, "anna").endswith("Event for anna)") for event in ANSWERS)
    assert label_named("ClientRegistered", "anna") == r"PUBLISH clients/registered\n(ClientRegistered Event of anna)"
    assert label_about(TrackerHello()) == label(TrackerHello())
