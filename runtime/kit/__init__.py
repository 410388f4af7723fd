"""The conformance kit: whether a server written by others speaks the protocol. `README.md` says how to use it.

`paths` makes scripts of the protocol's diagrams, `bench` is a broker with the server under test, `partners` play all
others, `playing` plays a script, `random_play` plays at random, `verification` does all and `report` tells it.
"""
