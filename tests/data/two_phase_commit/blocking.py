"""The same charts where a decision can be lost: what two-phase commit is known not to stand."""

from charts import CHARTS, CLAIMS, RESTS

from spec.exploration.model.faults import Faults

__all__ = ["CHARTS", "CLAIMS", "FAULTS", "RESTS"]

FAULTS = Faults({"losses": 1}, loses=frozenset({"commit"}))
