"""Runs as observations, for `spec.monitor`.

In: a run, such as one that the explorer told. Out: observations in the order in which somebody on the bus would see
them. Begin with `explored`.
"""
