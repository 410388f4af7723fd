"""The faults that the services are tried with, what becomes of each, and by which test that is known.

`table()` is the piece `faults` of runtime/services/README.md; tests/architecture/test_readme.py compares it, and looks
that each test exists. An outcome without a test says so.
"""
# ruff: noqa: E501 - one row a line

from collections.abc import Iterator
from typing import NamedTuple

from tests.support.places import TOP

M, E, BOTH = "Mosquitto", "embedded", "both"
SERVICES = "tests/runtime/services"
UNTESTED = "not tested"


class Row(NamedTuple):
    """One fault: what happens, what becomes of it, on which broker that is tried, and the test."""

    fault: str
    outcome: str
    broker: str = ""
    test: str = ""


FAULTS: tuple[Row, ...] = (
    Row("broker killed mid-join", "survived: all connect and join anew", M, "test_connections::test_a_broker_that_comes_late_is_found"),
    Row("broker absent at start", "survived: tried again with back-off", M, "test_connections::test_a_broker_that_comes_late_is_found"),
    Row("graceful broker restart", "survived: all connect and join anew", M, "test_connections::test_a_broker_that_comes_late_is_found"),
    Row("half-open TCP", "found within twice the keepalive, then as after any loss", M, "test_faults::test_a_half_open_connection_is_found"),
    Row("reset in mid-packet", "survived", BOTH, "test_faults::test_connections_reset_in_the_middle"),
    Row("one-byte slices", "survived", BOTH, "test_faults::test_one_byte_at_a_time"),
    Row("latency above the clock", "nobody joins as long as it lasts, and it is said; then all do", BOTH, "test_faults::test_latency_above_the_clock"),
    Row("loss on hop 1", "survived: asked again", E, "test_faults::test_any_event_lost_on_any_hop"),
    Row("loss on hop 2", "survived: asked again; what a member missed shows with the tracker's next event", E, "test_faults::test_any_event_lost_on_any_hop"),
    Row("duplicate", "survived", E, "test_faults::test_any_event_delivered_twice"),
    Row("reordered accepted/registered", "survived", E, "test_faults::test_any_event_delivered_after_its_timeout"),
    Row("lost PUBREC/PUBCOMP", "survived: the publication fails after `patience`, and it asks again", M, "test_broken::test_an_acknowledgement_that_is_lost"),
    Row("slow consumer", "what the broker dropped is noticed with the next event of the tracker", E, "test_faults::test_a_registration_that_one_missed_is_noticed"),
    Row("1,000 joins at once", "survived: all are registered and stored (`python -m tests.benchmarks.crowd`; 150 in the test)", M, "test_crowd::test_all_of_a_crowd_are_registered_and_stored"),
    Row("leave during broadcast", "survived", BOTH, "test_faults::test_who_leaves_while_others_join"),
    Row("wall clock +-1 h", "survived: nothing is timed by it", BOTH, "test_faults::test_the_wall_clock_jumps"),
    Row("event loop stalled 5 s", "survived: asked again", BOTH, "test_faults::test_a_loop_that_stands_still"),
    Row("not JSON", "refused and counted", BOTH, "test_limits::test_a_payload_beyond_the_limit_is_refused"),
    Row("NaN, nesting, duplicate keys", "refused and counted", BOTH, "test_limits::test_a_payload_beyond_the_limit_is_refused"),
    Row("missing/wrong/unknown fields", "refused and counted; unknown ones are skipped", BOTH, "test_limits::test_a_payload_beyond_the_limit_is_refused"),
    Row("invalid UTF-8, NUL", "refused and counted", BOTH, "test_limits::test_a_payload_beyond_the_limit_is_refused"),
    Row("oversize", "refused by size, or denied with a reason before it is admitted", BOTH, "test_limits::test_one_large_member_does_not_end_the_service"),
    Row("empty payload, retained clear", "refused and counted", BOTH, "test_faults::test_a_retained_command_of_earlier"),
    Row("stale retained command", "survived: it sends nobody away for good", BOTH, "test_faults::test_a_retained_command_of_earlier"),
    Row("publish to a wildcard", "refused before it is sent", M, "test_faults::test_a_publication_to_a_wildcard_is_never_sent"),
    Row("unauthorised publish", "denied by the rules of `clientjoin acl`", M, "test_acl::test_who_may_publish_what"),
    Row("will on a protected topic", "denied by the rules", M, "test_acl::test_services_work_behind_the_rules"),
    Row("unauthorised subscribe", "denied by the rules; a service that is refused a topic ends with status 3", M, "test_acl::test_who_may_read_what"),
    Row("client-id takeover", "not possible where the identifier is the user name", M, "test_acl::test_a_client_takes_nobodys_place"),
    Row("wrong password with a victim's id", "disturbs nobody", M, "test_acl::test_a_client_takes_nobodys_place"),
    Row("spoofed ClientIdentifier", "refused with a topic for each client; without one a member can speak for another", BOTH, "test_hardening::test_with_a_topic_for_each_client_nobody_speaks_for_another"),
    Row("expired certificate, wrong CA or host", "an expired one is tried again, and read again, until it is renewed; the others end with status 3 (`test_connections`)", M, "test_broken::test_certificates_that_are_renewed_are_read_again"),
    Row("bad credentials", "ends at once with status 3, no second attempt", M, "test_connections::test_what_is_refused_for_good_ends_it"),
    Row("disk full, DB locked or down", "ends with status 4, nothing half stored, nothing told that is not stored", BOTH, "test_store::test_what_is_not_stored_is_not_told"),
    Row("kill -9 between commit and publish", "survived: what was stored is told in the next round", M, "test_kill::test_nothing_is_lost_by_kills"),
    Row("SIGTERM mid-join", "survived: no ghost", BOTH, "test_hardening::test_who_is_stopped_while_it_joins_leaves_no_ghost"),
    Row("corrupt or older DB", "a clear stop; an older one is migrated", "", "test_store::test_a_store_that_is_cut_short_is_refused_or_whole"),
    Row("two trackers", "the older one steps down, status 5; nobody stays out, and no view holds whom it alone has registered", BOTH, "test_hardening::test_the_older_of_two_trackers_steps_down"),
    Row("silent socket", "left after `patience`, tried again", "", "test_connections::test_a_silent_socket_is_left_and_tried_again"),
    Row("file descriptors exhausted", "tried again until there are some", M, "test_faults::test_no_file_descriptor_is_left"),
    Row("QoS 2 bursts beyond the broker's in-flight limit", "survived: 100 and 300 at once", BOTH, "test_faults::test_more_at_once_than_a_broker_takes_in_flight"),
    Row("a late will of a session whose owner is back", "survived: it removes nobody", BOTH, "test_hardening::test_a_late_will_removes_nobody_whose_owner_is_back"),
    Row("reconnect storm: 60 servers at once after a broker restart", "survived", M, "test_connections::test_after_a_storm_of_sixty_all_are_registered"),
    Row("the broker acknowledges, and does not pass on", "cannot be survived: log and state page say what may be missing", M, "test_faults::test_a_broker_that_passes_nothing_on"),
)  # fmt: skip


def table() -> Iterator[str]:
    """The table in Markdown."""
    yield "| # | fault | what becomes of it | tried on | test |"
    yield "|---|---|---|---|---|"
    for number, row in enumerate(FAULTS, 1):
        module, _, name = row.test.partition("::")
        test = f"[{module}](../../{SERVICES}/{module}.py) `{name}`" if name else UNTESTED
        where = "" if row.broker == UNTESTED else row.broker
        yield f"| {number} | {row.fault} | {row.outcome} | {where} | {test} |"


def missing() -> list[str]:
    """The tests of the table that do not exist."""
    tests = [row.test.split("::") for row in FAULTS if row.test]
    return [
        name for module, name in tests if f"def {name}(" not in (TOP / SERVICES / f"{module}.py").read_text("utf-8")
    ]
