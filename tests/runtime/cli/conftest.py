"""A folder to work in, with charts, a diagram and a binding, and what an import leaves behind taken away."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHARTS = '''
from statemachine import Event, State, StateChart


class Asker(StateChart):
    resting = State(initial=True)
    waiting = State()
    done = State(final=True)
    ask = Event(resting.to(waiting), name="!question")
    answered = Event(waiting.to(done), name="?answer")


class Answerer(StateChart):
    listening = State(initial=True)
    thinking = State()
    done = State(final=True)
    asked = Event(listening.to(thinking), name="?question")
    answer = Event(thinking.to(done), name="!answer")


class Mute(StateChart):
    """It is asked, and never answers."""

    listening = State(initial=True)
    asked = Event(listening.to.itself(), name="?question")
    answer = Event(listening.to.itself(cond="never"), name="!answer")

    def never(self):
        return False


class Bare(StateChart):
    """Its events do not say what they are."""

    resting = State(initial=True)
    waiting = State()
    done = State(final=True)
    ask = resting.to(waiting)
    answered = waiting.to(done)


BOTH = {"Asker": Asker, "Answerer": Answerer}
BARE = {"Asker": Bare, "Answerer": Answerer}
NUMBER = 7
'''
DIAGRAM = "title Asking\nAsker->Answerer:question\nAnswerer->Asker:answer\n"
BINDING = '[chart.Bare]\nsends = { ask = "question" }\nreceives = { answered = "answer" }\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder, which is the current one: `duo.py`, `asking.txt` and `binding.toml` are in it."""
    (tmp_path / "duo.py").write_text(CHARTS)
    (tmp_path / "asking.txt").write_text(DIAGRAM)
    (tmp_path / "binding.toml").write_text(BINDING)
    monkeypatch.chdir(tmp_path)
    paths, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
