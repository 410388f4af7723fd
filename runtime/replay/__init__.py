"""A counterexample of the explorer, played on the embedded broker.

In: a run, step by step, with the explorer's state after each. Out: the same run live, and each difference between the
two. `live` goes through the steps, `controlled_server` is a server that acts when it is told, `schedule` says which
message is lost or doubled. Begin with `live`.
"""
