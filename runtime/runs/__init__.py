"""Runs as observations: what the explorer finds, the demo records and a log of a bus holds, for `spec.monitor`.

Comes in: files, a broker that runs, or steps of the explorer. Goes out: a `Run` of observations, and a verdict on it.
Begin with `format`, the one format of runs; `logs` reads it and what is like it, `judged` judges.
"""
