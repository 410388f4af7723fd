"""Is what is on the bus allowed? Observations against the charts: allowed, forbidden, or cannot tell.

A `Monitor` is given one observation after the other, in the order in which they were seen, and follows each server with
the set of configurations that it can be in. The first event that none of them allows is `Forbidden`.

    >>> from machines import ClientJoinSucceeded, TrackerHello
    >>> from spec.monitor import Answer, Connected, Monitor, Published, Subscribed
    >>> monitor = Monitor(roles={"t1": "torrent"})
    >>> monitor.see(Connected(0.0, "t1"))
    >>> wrong = monitor.see(Published(0.1, "t1", ClientJoinSucceeded(client="t1")))
    >>> wrong.client, wrong.what, wrong.where
    ('t1', 'no run of its chart publishes that here', ('subscribing',))
    >>> monitor.answer
    <Answer.FORBIDDEN: 'forbidden'>

`see` returns what is forbidden about an observation, or None; `answer` is the answer of all that was seen, and
`unjudged` says what could not be judged, and why. `where(client)` gives the states that a server can be in.

What an observer cannot see is said beforehand (`Sight`): with `Monitor(SUBSCRIBER, from_the_start=False)` only
publications are seen, as by somebody who subscribes to everything and comes late. What is not seen may have happened.
`Passed(at)` says that time has gone by: an answer that is pending for longer than `Assumptions.lag` is found.

Two verdicts are worth the name only if they are sound: a run of the charts is never forbidden, and where everything is
seen, every run that is no run of the charts is. Both are tested on the explorer's runs, and on mutations of them.

Begin with `observation` and `monitor`; `track` follows one participant, `server` steps its charts.
"""

from spec.monitor.configuration import Assumptions
from spec.monitor.monitor import Monitor
from spec.monitor.observation import (
    COMPLETE,
    LOSSY_SUBSCRIBER,
    SUBSCRIBER,
    Connected,
    Delivered,
    Disconnected,
    Gap,
    Observed,
    Passed,
    Published,
    Sent,
    Sight,
    Subscribed,
    Unreadable,
)
from spec.monitor.participant import Participant
from spec.monitor.verdict import Answer, Forbidden, Unjudged

__all__ = [
    "COMPLETE",
    "LOSSY_SUBSCRIBER",
    "SUBSCRIBER",
    "Answer",
    "Assumptions",
    "Connected",
    "Delivered",
    "Disconnected",
    "Forbidden",
    "Gap",
    "Monitor",
    "Observed",
    "Participant",
    "Passed",
    "Published",
    "Sent",
    "Sight",
    "Subscribed",
    "Unjudged",
    "Unreadable",
]
