"""How each scenario of the demo ends, and what its diagram draws."""

from runtime.recorder import Arrow
from tests.support.servers import Played

BEFORE, ROUND, RETURN = 0, 1, 2  # acts

ASKS = """
    Torrent -> TorrentView DescribeView
    TorrentView -> Torrent ViewDescribed
    Torrent -> TorrentClock SetTimeout
"""

REQUEST = """
    Torrent -> Broker ClientJoinRequested
    Broker -> Tracker ClientJoinRequested
"""

CAN_JOIN = """
    Tracker -> TrackerView CheckJoin
    TrackerView -> Tracker JoinPossible
    Tracker -> TrackerClock SetTimeout
"""

CANNOT_JOIN = """
    Tracker -> TrackerView CheckJoin
    TrackerView -> Tracker JoinConflicts
"""

ACCEPTED = """
    Tracker -> Broker ClientJoinAccepted
    Broker -> Client ClientJoinAccepted
    Broker -> Torrent ClientJoinAccepted
"""

CHANGES = """
    Torrent -> TorrentView ChangeView
    TorrentView -> Torrent ViewChanged
    Torrent -> TorrentClock SetTimeout
"""

CANNOT_CHANGE = """
    Torrent -> TorrentView ChangeView
    TorrentView -> Torrent ViewChangeFailed
"""

TORRENT_EXPIRES = "TorrentClock -> Torrent TimeoutExceeded"

TRACKER_EXPIRES = """
    TrackerClock -> Tracker TimeoutExceeded
    Tracker -> TrackerView ForgetAdmission
"""

BOTH_EXPIRE = f"{TORRENT_EXPIRES}\n{TRACKER_EXPIRES}"

REGISTERED = """
    Tracker -> TrackerClock StopTimeout
    Tracker -> TrackerView RegisterClient
    TrackerView -> Tracker RegistrationApplied
    Tracker -> Broker ClientRegistered
    Broker -> Client ClientRegistered
    Broker -> Torrent ClientRegistered
    Client -> ClientView AddClient
    Torrent -> TorrentClock StopTimeout
    Torrent -> TorrentView AddClient
"""

STORIES: dict[str, str] = {
    "acceptance-lost-to-broker": ASKS + REQUEST + CAN_JOIN + "Tracker -x Broker ClientJoinAccepted\n" + BOTH_EXPIRE,
    "acceptance-lost-from-broker": ASKS
    + REQUEST
    + CAN_JOIN
    + ACCEPTED.replace("Broker -> Torrent", "Broker -x Torrent")
    + BOTH_EXPIRE,
    "denial-lost-to-broker": ASKS + REQUEST + CANNOT_JOIN + "Tracker -x Broker ClientJoinDenied\n" + TORRENT_EXPIRES,
    "denial-lost-from-broker": ASKS
    + REQUEST
    + CANNOT_JOIN
    + """
    Tracker -> Broker ClientJoinDenied
    Broker -> Client ClientJoinDenied
    Broker -x Torrent ClientJoinDenied
    """
    + TORRENT_EXPIRES,
    "standard": ASKS
    + REQUEST
    + CAN_JOIN
    + ACCEPTED
    + CHANGES
    + """
    Torrent -> Broker ClientJoinSucceeded
    Broker -> Tracker ClientJoinSucceeded
    """
    + REGISTERED,
    "request-lost-to-broker": ASKS + "Torrent -x Broker ClientJoinRequested\n" + TORRENT_EXPIRES,
    "request-lost-from-broker": ASKS + REQUEST.replace("Broker -> Tracker", "Broker -x Tracker") + TORRENT_EXPIRES,
    "denied": ASKS
    + REQUEST
    + CANNOT_JOIN
    + """
    Tracker -> Broker ClientJoinDenied
    Broker -> Client ClientJoinDenied
    Broker -> Torrent ClientJoinDenied
    Torrent -> TorrentClock StopTimeout
    """,
    "success-lost-to-broker": ASKS
    + REQUEST
    + CAN_JOIN
    + ACCEPTED
    + CHANGES
    + "Torrent -x Broker ClientJoinSucceeded\n"
    + BOTH_EXPIRE,
    "success-lost-from-broker": ASKS
    + REQUEST
    + CAN_JOIN
    + ACCEPTED
    + CHANGES
    + """
    Torrent -> Broker ClientJoinSucceeded
    Broker -x Tracker ClientJoinSucceeded
    """
    + BOTH_EXPIRE,
    "failure-lost-to-broker": ASKS
    + REQUEST
    + CAN_JOIN
    + ACCEPTED
    + CANNOT_CHANGE
    + "Torrent -x Broker ClientJoinFailed\n"
    + BOTH_EXPIRE,
    "failure-lost-from-broker": ASKS
    + REQUEST
    + CAN_JOIN
    + ACCEPTED
    + CANNOT_CHANGE
    + """
    Torrent -> Broker ClientJoinFailed
    Broker -x Tracker ClientJoinFailed
    """
    + BOTH_EXPIRE,
    "change-fails": ASKS
    + REQUEST
    + CAN_JOIN
    + ACCEPTED
    + CANNOT_CHANGE
    + """
    Torrent -> Broker ClientJoinFailed
    Broker -> Tracker ClientJoinFailed
    Tracker -> TrackerClock StopTimeout
    Tracker -> TrackerView ForgetAdmission
    """
    + TORRENT_EXPIRES,
}


def story(played: Played) -> list[Arrow]:
    """The first round without the torrent server's startup."""
    arrows = played.arrows(ROUND)
    startup = {"Start", "CONNECT", "CONNACK", "SUBSCRIBE", "SUBACK"}
    return [arrow for arrow in arrows if arrow.name not in startup]
