"""Data as part of a state: object graphs that can be copied and compared. Begin with `picture`.

`take` looks at values and makes a `Picture` of them: nodes that hold atoms and each other, with nothing in common
with the values. A picture has a canonical form, which is hashable and equal where the data are: it does not depend on
the order of a dictionary or a set, nor on identity, but on which references lead to the same object. A picture can be
restored, into new objects or into the ones that were looked at.

Objects are read as they lie in memory, attributes and slots and what a built-in type holds of itself. What their
author says in `__eq__`, `__getstate__`, `__reduce__` or `__deepcopy__` is not asked, so that it cannot make two
different values equal. Which kinds of values there are, and which are refused, stands in `layout`.
"""

from spec.system.data.atoms import Opaque, Same
from spec.system.data.picture import NO_ANCHORS, Anchors, Inspection, Picture, TooLarge, copied, freeze, take

__all__ = ["NO_ANCHORS", "Anchors", "Inspection", "Opaque", "Picture", "Same", "TooLarge", "copied", "freeze", "take"]
