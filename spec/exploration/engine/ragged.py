"""Tables of several components in one array, each as high and as wide as it has to be."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.int64]
HOLE = -1
"""What is not known yet."""


@dataclass
class Ragged:
    """A table for each component, by row and column; what is not known is a hole."""

    components: int
    rows: int = 64
    columns: int = 8
    tables: list[Ints] = field(init=False)
    """Views of the same numbers."""
    flat: Ints = field(init=False)
    place: Numbers = field(init=False)
    """Where each table begins, and how wide its rows are."""

    def __post_init__(self) -> None:
        self._place([np.full((self.rows, self.columns), HOLE, np.int32)] * self.components)

    def reserve(self, component: int, rows: int, columns: int) -> None:
        """Make room for so many rows and columns, and for as many again where there is none."""
        here = self.tables[component].shape
        if here[0] < rows or here[1] < columns:
            shape = (here[0] if here[0] >= rows else 2 * rows, here[1] if here[1] >= columns else 2 * columns)
            tables: list[Ints] = list(self.tables)
            tables[component] = np.full(shape, HOLE, np.int32)
            tables[component][: here[0], : here[1]] = self.tables[component]
            self._place(tables)

    def at(self, component: int, rows: Numbers, columns: int | Numbers | Ints) -> Ints:
        """What stands in these places."""
        found: Ints = self.flat.take(self.place[component, 0] + rows * self.place[component, 1] + columns)
        return found

    def _place(self, tables: list[Ints]) -> None:
        self.flat = np.concatenate([table.reshape(-1) for table in tables])
        ends = np.cumsum([table.size for table in tables])
        self.place = np.array(
            [(end - table.size, table.shape[1]) for end, table in zip(ends, tables, strict=True)], np.int64
        )
        self.tables = [
            self.flat[end - table.size : end].reshape(table.shape) for end, table in zip(ends, tables, strict=True)
        ]


def grown(array: npt.NDArray, axis: int, size: int, fill: int) -> npt.NDArray:  # type: ignore[type-arg]
    """The array with more room along an axis."""
    shape = list(array.shape)
    shape[axis] = size
    made = np.full(shape, fill, array.dtype)
    made[tuple(slice(0, length) for length in array.shape)] = array
    return made


def roomy(array: npt.NDArray, axis: int, size: int, fill: int) -> npt.NDArray:  # type: ignore[type-arg]
    """The array itself if it has room for so many along an axis; otherwise with twice that room."""
    return array if array.shape[axis] >= size else grown(array, axis, 2 * size, fill)
