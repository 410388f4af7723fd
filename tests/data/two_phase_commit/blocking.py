"""The same charts where a decision can be lost: what two-phase commit is known not to stand."""

from charts import CHARTS, MAY_STAY, PROPERTIES

from spec.exploration.model.faults import Faults

__all__ = ["CHARTS", "FAULTS", "MAY_STAY", "PROPERTIES"]

FAULTS = Faults({"losses": 1}, loses=frozenset({"commit"}))
