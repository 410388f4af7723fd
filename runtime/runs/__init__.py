"""Runs as observations: what the explorer tells, the demo records and a log of a bus holds, for `spec.monitor`."""
