"""Messages of surfaces: each is checked and done by its handler, commands once and acknowledged, faults answered.

A packet is checked as a whole before any of it is done: a bundle is applied as one, or not at all.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic

from bridge.osc.address_space.addresses import ROOT, Kind, address_table
from bridge.osc.address_space.patterns import BadPattern, is_pattern, matching
from bridge.osc.address_space.values import NO_SERIAL, OscError, split_serial
from bridge.osc.commands import Serials
from bridge.osc.feedback.feedback import Feedback, error_words
from bridge.osc.feedback.feedback_targets import FeedbackTargets
from bridge.osc.handlers import Handler
from bridge.osc.transport.surface import Message, Peer

logger = logging.getLogger("bridge.osc")

MAX_ERRORS_A_SECOND = 50
MAX_ERROR_TEXT = 1000
MOST_STEPS = 1024  # of a packet: patterns mean many addresses each
EXAMPLE = f"{ROOT}/*guidance_scale"

Step = Callable[[], None]


class Incoming:
    """`has_words` says whether a peer has a place for words: where it has none, its errors are told to everyone."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        feedback: Feedback,
        targets: FeedbackTargets,
        has_words: Callable[[Peer], bool],
    ) -> None:
        self._handlers, self._feedback, self._targets, self._has_words = handlers, feedback, targets, has_words
        self._table = address_table()
        self._serials = Serials()
        self._errors: tuple[int, int] = (0, 0)  # which second, how many

    def take(self, sender: Peer, messages: list[Message]) -> None:
        """The messages of one packet. Those that are not ours are left."""
        ours = [message for message in messages if message.path.startswith(ROOT) or self._means_ours(message.path)]
        if not ours:
            return
        self._targets.heard(sender)
        try:
            steps = [step for message in ours for step in self._steps(sender, message)]
            if len(steps) > MOST_STEPS:
                raise OscError(ours[0].path, f"{len(steps)} addresses in one packet", f"{MOST_STEPS} at most")
            for step in steps:
                step()
        except OscError as error:
            self._refuse(sender, error.address, error.got, error.expected)

    def broken(self, sender: Peer, problem: str) -> None:
        """A packet that could not be read."""
        self._refuse(sender, "", problem, "OSC messages or bundles, with type tags")

    def _means_ours(self, path: str) -> bool:
        """Whether a pattern such as /*/variance means addresses of ours."""
        try:
            return is_pattern(path) and bool(matching(path, self._handlers))
        except BadPattern:
            return False

    def _steps(self, sender: Peer, message: Message) -> list[Step]:
        """One for each address that is meant: of a pattern all, or none where one does not take the arguments."""
        if not is_pattern(message.path):
            return [self._plan(sender, message)]
        try:
            paths = matching(message.path, self._handlers)
        except BadPattern as error:
            raise OscError(message.path, str(error), "an address, or an OSC 1.0 pattern of addresses") from error
        if not paths:
            raise OscError(
                message.path, "a pattern of no address", f"one that means addresses of ours, such as {EXAMPLE}"
            )
        try:
            return [self._plan(sender, Message(path, message.arguments)) for path in paths]
        except OscError as error:
            got = f"{error.got} for {error.address}, one of {len(paths)} addresses"
            raise OscError(message.path, got, error.expected) from error

    def _plan(self, sender: Peer, message: Message) -> Step:
        address = self._table.get(message.path)
        if address is None:
            near = difflib.get_close_matches(message.path, self._table, n=1)
            hint = f"an address of ours, such as {near[0] if near else f'{ROOT}/tags'}"
            raise OscError(message.path, "an unknown address", hint)
        if address.kind is Kind.FEEDBACK:
            raise OscError(address.path, "a message", "nothing: this address is sent by us")
        handler = self._handlers[address.path]
        if address.kind is Kind.CONTROL:
            return partial(handler.do, sender, handler.check(address, message.arguments))
        arguments, serial = split_serial(address, message.arguments)
        value = handler.check(address, arguments)
        if serial is None:
            return _nothing
        if address.kind is Kind.QUERY:
            return partial(handler.do, sender, value)
        return partial(self._command, sender, address.path, partial(handler.do, sender, value), serial)

    def _command(self, sender: Peer, path: str, do: Step, serial: int) -> None:
        key = (sender[0], path, serial)
        if serial == NO_SERIAL or not self._serials.was_taken(key):
            do()
            if serial != NO_SERIAL:
                self._serials.take(key)
        self._feedback.answer(sender, f"{ROOT}/ack", path, serial)

    def _refuse(self, sender: Peer, path: str, got: str, expected: str) -> None:
        if not self._has_words(sender):
            self._feedback.error(path, got, expected)
            return
        second = int(monotonic())
        count = self._errors[1] + 1 if self._errors[0] == second else 1
        self._errors = (second, count)
        if count <= MAX_ERRORS_A_SECOND:
            logger.warning("%s: %s: got %s, expected %s", sender[0], path, got, expected)
            parts = [part[:MAX_ERROR_TEXT] for part in (path, got, expected)]
            self._feedback.answer(sender, f"{ROOT}/error", *parts)
            self._feedback.answer(sender, f"{ROOT}/error/words", error_words(*parts))


def _nothing() -> None:
    """A button was let go."""
