"""Bindings from files, one laid over the other."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from machines.lifelines import GROUPS
from spec.binding.inheritance import settled
from spec.binding.model import BUILT_IN, Binding, BindingError, Player
from spec.binding.reader import read_file, read_text

DEFAULT = Path(__file__).parent / "default.toml"
DIAGRAMS = Path(__file__).parent.parent / "diagrams"
"""The diagrams of the protocol, which the default binding is about."""


def load(paths: Iterable[Path] = (), *, default: bool = True) -> Binding:
    """The default binding with the files in `paths` laid over it. Raises `BindingError`."""
    binding = _ours() if default else Binding()
    for path in paths:
        binding = settled(read_file(Path(path)).over(binding))
    return binding


def _ours() -> Binding:
    """The default binding: what its file says, and who plays the lifelines of the protocol, which the charts say."""
    said = read_file(DEFAULT, is_default=True)
    players = {
        name: Player(
            group.charts[role].__name__,
            group.title,
            role,
            client=group.client if role == "client" else "",
            place=BUILT_IN,
        )
        for group in GROUPS
        for role, name in group.lifelines.items()
    }
    return replace(said, players={**players, **said.players})


def load_for(lifelines: Collection[str], charts: Collection[str], paths: Iterable[Path] = ()) -> Binding:
    """The binding for diagrams of these lifelines where charts of these names are given: the files laid over the
    default one, or by themselves if none of our charts plays a lifeline. Raises `BindingError`.
    """
    paths = tuple(paths)
    binding = load(paths)
    players = (binding.players[name] for name in lifelines if name in binding.players and name not in charts)
    if not charts or any(player.chart not in charts for player in players):
        return binding
    try:
        return load(paths, default=False)
    except BindingError:  # it is about something in the default one: who is `like` whom
        return binding


def read_binding(text: str, file: str = "<text>") -> Binding:
    """A binding from the text of a TOML file, by itself: `over` lays it over another. Raises `BindingError`."""
    return read_text(text, file)
