"""The demo: Client Join played on a real broker.

In: `Settings` (a scenario, how many torrent servers, faults). Out: an `Outcome` with all arrows, and where everybody is
in the end. `scenarios` says as data what goes wrong, and `acts` plays it: with the `servers` on a broker
(`network`), with faults (`arming`), and until nothing more is to be expected (`waiting`). `output` prints, and writes a
run as a diagram. Begin with `runner`, which puts these together.
"""
