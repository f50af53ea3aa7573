"""The table of scenes: what each is called, and which are played when none is named."""

from collections.abc import Awaitable, Callable, Sequence

from ocs.demo import calls, data, events
from ocs.demo.cast import Cast

Scene = Callable[[Cast], Awaitable[None]]

#: Name on the command line -> what is played, and a line that says what it shows.
SCENES: dict[str, tuple[Scene, str]] = {
    "voice": (calls.a_call_is_cut, "a call is cut at the second the money ends"),
    "top-up": (data.data_is_topped_up, "a data session is topped up in mid-flight"),
    "two-sessions": (data.two_sessions_share, "what a call holds, a data session cannot get"),
    "repeat": (calls.a_repeat_is_charged_once, "a request that is sent twice is charged once"),
    "cut": (calls.the_operator_cuts, "the operator cuts a session"),
    "shared": (calls.an_account_is_shared, "two calls share the last money of an account"),
    "conference": (calls.a_conference_falls, "three legs, one payer; all fall together"),
    "rating-groups": (data.two_rating_groups, "data in two rating groups"),
    "roaming": (data.data_abroad, "data at home and abroad"),
    "redirect": (data.a_subscriber_is_redirected, "redirected without money, topped up, online"),
    "sms": (events.a_message_is_refunded, "a short message is debited, and given back once"),
    "mms": (events.a_picture_to_three, "a multimedia message to three: all or nothing"),
    "vas": (events.content_is_sold, "a platform sells content, and gives the money back"),
}
#: What a visitor sees first: short, and the heart of the matter.
DEFAULT = ("voice", "top-up", "two-sessions", "repeat", "cut", "sms", "shared")


def chosen(names: Sequence[str]) -> list[Scene]:
    """The scenes of these names, or the default; KeyError names one that is not there."""
    return [SCENES[name][0] for name in names or DEFAULT]
