"""The conformance kit: whether a server written by others speaks the protocol. `README.md` says how to use it.

Comes in: a command that starts a server, or a broker at which one runs. Goes out: a report on every arrow, obligation
and case. Begin with `paths`, which makes scripts of the protocol's diagrams; `bench` is a broker with the server under
test, `partners` play all others, `playing` plays a script, `obligations` what no diagram draws, `verification` does all
and `report` renders it.
"""
