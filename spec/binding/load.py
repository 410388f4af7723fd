"""Bindings from files, one laid over the other."""

from collections.abc import Iterable
from pathlib import Path

from spec.binding.inheritance import settled
from spec.binding.model import Binding
from spec.binding.reader import read_file, read_text

DEFAULT = Path(__file__).parent / "default.toml"


def load(paths: Iterable[Path] = (), *, default: bool = True) -> Binding:
    """The default binding with the files in `paths` laid over it. Raises `BindingError`."""
    binding = read_file(DEFAULT, is_default=True) if default else Binding()
    for path in paths:
        binding = settled(read_file(Path(path)).over(binding))
    return binding


def read_binding(text: str, file: str = "<text>") -> Binding:
    """A binding from the text of a TOML file, by itself: `over` lays it over another. Raises `BindingError`."""
    return read_text(text, file)
