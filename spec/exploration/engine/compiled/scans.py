"""Looks at all states that were found, compiled by numba."""

from spec.exploration.engine.compiled.jit import bare
from spec.exploration.engine.compiled.kernel import unpack


@bare
def note_shapes(begin, end, keys, fields, heads, shapes, first, scratch):  # type: ignore[no-untyped-def]
    """Note in `first`, by shape and budget, the first state in which a component has them, where none is noted yet."""
    local, queue = scratch[0], scratch[1]
    for at in range(begin, end):
        budget = unpack(keys, at, fields, local, queue)
        for component in range(heads.shape[0]):
            shape = shapes[component, local[component], heads[component, queue[component]]]
            if first[shape, budget] < 0:
                first[shape, budget] = at


@bare
def of_shapes(begin, end, keys, fields, heads, shapes, wanted, found, scratch):  # type: ignore[no-untyped-def]
    """Write to `found[begin:]` in which states some component has a shape that is wanted; returns where they end."""
    local, queue = scratch[0], scratch[1]
    last = begin
    for at in range(begin, end):
        unpack(keys, at, fields, local, queue)
        for component in range(heads.shape[0]):
            if wanted[shapes[component, local[component], heads[component, queue[component]]]]:
                found[last] = at
                last += 1
                break
    return last
