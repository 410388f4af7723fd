"""Interchangeable charts of others: what they hold is renamed with them, whatever else is called as they are."""

from enum import Enum
from typing import Any

import pytest
from statemachine import Event, State, StateChart

from spec.exploration.explore import Options, Result, explore
from spec.exploration.model.foreign import ForeignSystem, Standing
from spec.exploration.properties.foreign import PROPERTIES
from spec.exploration.properties.language import Implication, Property, always
from tests.support.engines import engines


class Side(Enum):
    """A name in a value that is no text."""

    LEFT = "left"
    RIGHT = "right"


class Friend(str):
    """A name in a text of another kind."""

    __slots__ = ()


KEEPS: dict[str, Any] = {
    "text": lambda sender: sender,
    "tuple": lambda sender: (sender, sender),
    "list": lambda sender: [sender],
    "set": lambda sender: {sender, "nobody"},
    "dictionary": lambda sender: {sender: {"from": sender}},
    "subclass of str": Friend,
    "enumeration": Side,
    "bytes": str.encode,
}


def peer(keep: Any) -> type[StateChart[Any]]:
    """Two of these greet each other; each keeps who greeted it. A state and a message are called as one of them is."""

    class Peer(StateChart[Any]):
        begun = State(initial=True)
        left = State()
        greet = Event(begun.to(left), name="!right")
        hear = Event(begun.to.itself(on="note") | left.to.itself(on="note"), name="?right")

        def __init__(self) -> None:
            self.heard: Any = None
            super().__init__()

        def note(self, sender: str) -> None:
            self.heard = keep(sender)

    return Peer


@always
def it_is_never_left(client: Standing) -> Implication:
    """Of the second one alone, as charts are numbered."""
    return True, client.where != ("left",)


def explored(system: ForeignSystem, *properties: Property, **options: Any) -> Result:
    return explore(system, Options(**options), (*PROPERTIES, *properties), system.observe)


@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("kind", KEEPS)
def test_what_a_chart_holds_is_renamed_with_it(kind: str, engine: Any) -> None:
    """A name inside what cannot be renamed is noticed, and then the names are told apart."""
    chart = peer(KEEPS[kind])
    system = ForeignSystem(
        "greeting", {"left": chart, "right": chart}, addressed=True, interchangeable=(("left", "right"),)
    )
    whole = explored(system, engine=engine, symmetric=False)
    found = explored(system, engine=engine)
    assert [verdict.word for verdict in found.verdicts] == [verdict.word for verdict in whole.verdicts]
    assert found.found.complete
    few, many = found.found.progress.states, whole.found.progress.states
    assert few == many if kind in {"enumeration", "bytes"} else few < many
    assert bool(found.asymmetry) == (kind in {"enumeration", "bytes"})


@pytest.mark.parametrize("engine", engines())
def test_the_first_chart_may_be_one_of_those_that_are_alike(engine: Any) -> None:
    """A property about some of them by their places tells them apart; one about each does not."""
    chart = peer(KEEPS["text"])
    names = ("one", "two", "three")
    system = ForeignSystem("greeting", dict.fromkeys(names, chart), addressed=True, interchangeable=(names,))
    whole = explored(system, engine=engine, symmetric=False)
    found = explored(system, engine=engine)
    assert 5 * found.found.progress.states < whole.found.progress.states
    assert [verdict.word for verdict in found.verdicts] == [verdict.word for verdict in whole.verdicts]
    told_apart = explored(system, it_is_never_left, engine=engine)
    assert told_apart.asymmetry == "the property 'it is never left' is about client"
    assert told_apart.found.progress.states == whole.found.progress.states
