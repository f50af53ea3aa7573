"""What one would write today with python-diameter: its node, and balances in a dictionary.

    python bench/servers/python_diameter_node.py PORT {threading,plain} PEER...

`threading` is the application that its documentation recommends, a thread for each request; `plain`
answers in the node's own thread. PEER are the identities that may connect. No rating, no reservations,
no store, no record: each CCR takes what was used from a balance and is granted the same again. Prints
`ready` when it listens; ends when standard input does.
"""

import argparse
import os
import sys
import threading
from collections import defaultdict

from diameter.message import Message
from diameter.message.avp.grouped import GrantedServiceUnit, MultipleServicesCreditControl
from diameter.message.commands import CreditControlAnswer, CreditControlRequest
from diameter.message.constants import (
    APP_DIAMETER_CREDIT_CONTROL_APPLICATION,
    E_RESULT_CODE_DIAMETER_SUCCESS,
    E_RESULT_CODE_DIAMETER_UNABLE_TO_COMPLY,
)
from diameter.node import Node
from diameter.node.application import Application, SimpleThreadingApplication

REALM = "ocs.example"
OPENING = 10**15
GRANT = 10 * 1024 * 1024
VALIDITY_SECONDS = 3600


class Balances:
    """Octets that each subscriber has left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: defaultdict[str, int] = defaultdict(lambda: OPENING)

    def answer(self, app: Application, request: Message) -> Message:
        """The answer to one request."""
        if not isinstance(request, CreditControlRequest):
            return app.generate_answer(request, E_RESULT_CODE_DIAMETER_UNABLE_TO_COMPLY)
        subscriber = request.subscription_id[0].subscription_id_data
        services = request.multiple_services_credit_control
        used = sum(
            unit.cc_total_octets or 0 for each in services for unit in each.used_service_unit
        )
        with self._lock:
            self._left[subscriber] -= used
        answer: CreditControlAnswer = app.generate_answer(request, E_RESULT_CODE_DIAMETER_SUCCESS)
        answer.cc_request_type = request.cc_request_type
        answer.cc_request_number = request.cc_request_number
        answer.multiple_services_credit_control = [granted(each) for each in services]
        return answer


def granted(service: MultipleServicesCreditControl) -> MultipleServicesCreditControl:
    """The answer for one service."""
    answer = MultipleServicesCreditControl(
        rating_group=service.rating_group, result_code=E_RESULT_CODE_DIAMETER_SUCCESS
    )
    if service.requested_service_unit is not None:
        answer.granted_service_unit = GrantedServiceUnit(cc_total_octets=GRANT)
        answer.validity_time = VALIDITY_SECONDS
    return answer


class PlainApplication(Application):  # type: ignore[misc]  # the library has no types
    """Answers in the thread that reads."""

    def __init__(self, balances: Balances) -> None:
        super().__init__(APP_DIAMETER_CREDIT_CONTROL_APPLICATION, is_auth_application=True)
        self._balances = balances

    def handle_request(self, message: Message) -> None:
        self.send_answer(self._balances.answer(self, message))


def application(kind: str) -> Application:
    """The application of one kind."""
    balances = Balances()
    if kind == "plain":
        return PlainApplication(balances)
    return SimpleThreadingApplication(
        APP_DIAMETER_CREDIT_CONTROL_APPLICATION,
        is_auth_application=True,
        request_handler=balances.answer,
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("kind", choices=["threading", "plain"])
    parser.add_argument("peers", nargs="+")
    arguments = parser.parse_args()
    node = Node(f"library.{REALM}", REALM, ["127.0.0.1"], tcp_port=arguments.port)
    peers = [node.add_peer(f"aaa://{each}") for each in arguments.peers]
    node.add_application(application(arguments.kind), peers)
    node.start()
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)  # the library's own stop waits up to nine seconds for its threads


if __name__ == "__main__":
    main()
