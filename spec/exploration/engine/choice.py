"""Which engine searches: the compiled one where numba is installed, or the one in NumPy."""

from importlib.util import find_spec

from spec.exploration.engine.search import BreadthFirst, Engine


def engine(name: Engine = "auto") -> type[BreadthFirst]:
    """The engine of that name; the compiled one is chosen where numba is installed. Raises `ImportError` without it."""
    has_numba = find_spec("numba") is not None
    if name == "compiled" and not has_numba:
        raise ImportError(
            "the compiled engine needs numba: pip install 'clientjoin[fast]', or take the vectorised engine"
        )
    if name == "vectorised" or not has_numba:
        from spec.exploration.engine.vectorised.search import VectorisedSearch

        return VectorisedSearch
    from spec.exploration.engine.compiled.search import Search

    return Search
