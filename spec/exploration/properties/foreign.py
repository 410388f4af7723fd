"""Properties about any system of charts that are not ours, whatever it is for. A user's own come beside them."""

from spec.exploration.model.foreign import Standing
from spec.exploration.properties.language import Implication, Property, always, where_stuck


@where_stuck
def no_deadlock(each: Standing) -> Implication:
    """Where nothing can happen any more, every chart is in a final state, or in one that MAY_STAY names for it."""
    return True, each.may_stay_for_good


@always
def no_unexpected_reception(each: Standing) -> Implication:
    """Every chart has a transition for each message that comes to it, in the state in which it comes."""
    return True, not each.broken


@always
def no_message_that_nobody_takes(each: Standing) -> Implication:
    """Some chart has an event for each message that can be sent, or ROUTES says that it goes to nobody."""
    return True, not each.unheard


@always
def no_exception_in_a_callback(each: Standing) -> Implication:
    """No guard, action or validator raises an error that the chart does not handle."""
    return True, not each.raised


PROPERTIES: tuple[Property, ...] = (
    no_deadlock,
    no_unexpected_reception,
    no_message_that_nobody_takes,
    no_exception_in_a_callback,
)
