"""The demo: Client Join played on a real broker.

In: `Settings` (a scenario, how many torrent servers, faults). Out: an `Outcome` with all arrows, and where everybody is
in the end. `scenarios` says as data what goes wrong, `runner` starts servers and waits, `output` prints, and writes a
run as a diagram. Begin with `runner`.
"""
