"""The line to the daemon: finds it, starts it when it is not there, asks and hands on answers.

Everything is non-blocking: `request` queues, `tick` moves bytes and calls back. Knows messages
by op only, not what a job is.
"""

import os
import subprocess
import time

from .. import log
from ..errors import ConnectionLost, UserError
from ..paths import WINDOWS, fs, in_home, read_json
from ..state import extstate
from . import messages
from .zmtp import Dealer

CONNECT_SECONDS = 3.0
START_SECONDS = 20.0
RETRY_SECONDS = 0.3
PATIENCE_SECONDS = 2.0
IDLE_TICKS, PROGRESS_TICKS = 30, 4
SENT_PER_TICK = 4


def _endpoint(description):
    endpoint = description["endpoints"]["commands"]
    host, _, port = endpoint[len("tcp://") :].rpartition(":")
    return host, int(port)


def start_daemon():
    """Starts the daemon named by install.json, apart from REAPER; UserError when there is none."""
    install = read_json(in_home("install.json"))
    if not install or not install.get("daemon_command"):
        raise UserError(
            "The ACE-Step daemon is not installed", "Run 'acestep-bridge reaper install' once, then try again"
        )
    environment = dict(os.environ)
    for name in ("PYTHONHOME", "PYTHONPATH", "LC_ALL"):
        environment.pop(name, None)
    options = {"start_new_session": True}
    if WINDOWS:
        options = {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
    command = [part if WINDOWS else fs(part) for part in install["daemon_command"]]
    try:
        with open(fs(in_home("daemon.err")), "ab") as stream:
            subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, **options
            )
    except OSError as error:
        log.write("start the daemon: %s: %s" % (install["daemon_command"], error))
        raise UserError(
            "The ACE-Step daemon could not be started (%s: %s)" % (install["daemon_command"][0], error.strerror),
            "It was moved or removed: run 'acestep-bridge reaper install' again",
        )
    log.write("started the daemon: %s" % " ".join(install["daemon_command"]))


class Daemon(object):
    """`request(op, content, done, failed)`; `tick()`; `problem` is the last UserError, or None."""

    def __init__(self, may_start=True, clock=time.monotonic):
        self.may_start = may_start
        self._clock = clock
        self._dealer = None
        self._key = b""
        self._greeted = False
        self._deadline = 0.0
        self._retry_at = 0.0
        self._start_until = 0.0
        self._lost_at = 0.0
        self._ticks = 0
        self._waiting = {}
        self._queue = []
        self.problem = None

    @property
    def connected(self):
        """Whether the daemon has greeted us."""
        return self._greeted

    @property
    def busy(self):
        """Whether an answer is awaited."""
        return bool(self._queue or self._waiting)

    def request(self, op, content, done, failed):
        """Asks; `done(content)` or `failed(error)` is called from a later tick."""
        self._queue.append((op, content, done, failed))

    def close(self):
        if self._dealer:
            self._dealer.close()
        self._dealer, self._greeted = None, False

    def tick(self):
        """One bounded step; True when an answer came. Does nothing when nothing is asked."""
        if self._dealer is None and not self.busy:
            return False
        self._ticks += 1
        if self._greeted and not self._queue and self._ticks % self._pause():
            return False
        try:
            if self._dealer is None:
                self._open()
            else:
                return self._exchange()
        except ConnectionLost as error:
            self._lost(error)
        except UserError as error:
            self._give_up(error)
        return False

    def _pause(self):
        """Ticks between looks at the socket: every one while an answer is near, a few Hz for progress."""
        if not self._waiting:
            return IDLE_TICKS
        return PROGRESS_TICKS if all(asked[0] == "wait" for asked in self._waiting.values()) else 1

    def _open(self):
        now = self._clock()
        if now < self._retry_at:
            return
        self._retry_at = now + RETRY_SECONDS
        description = read_json(in_home("connection.json"))
        if description is None:
            self._start(now)
            return
        self._key = description["key"].encode("ascii")
        self._dealer = Dealer(*_endpoint(description))
        self._deadline = now + CONNECT_SECONDS

    def _start(self, now):
        """Starts the daemon once, and gives up when it does not answer in time."""
        if self._start_until:
            if now > self._start_until:
                self._start_until = 0.0
                raise UserError("The ACE-Step daemon did not start", "Its log is %s" % in_home("daemon.log"))
            return
        if not self.may_start:
            extstate.write("daemon_down", True)
            raise UserError(
                "The ACE-Step daemon does not run", "Press the key again to start it, or run 'acestep-bridge serve'"
            )
        start_daemon()
        self._start_until = now + START_SECONDS

    def _exchange(self):
        messages_read = self._dealer.tick()
        for frames in messages_read:
            self._receive(frames)
        if self._dealer.ready and not self._greeted:
            self._greeted, self._start_until, self._lost_at, self.problem = True, 0.0, 0.0, None
            extstate.write("daemon_down", False)
        if not self._greeted and self._clock() > self._deadline:
            raise ConnectionLost("The daemon did not answer")
        if self._greeted:
            self._send_queue()
        return bool(messages_read)

    def _send_queue(self):
        for _ in range(min(len(self._queue), SENT_PER_TICK)):
            op, content, done, failed = self._queue.pop(0)
            message_id, frames = messages.request(self._key, op, content)
            self._waiting[message_id] = (op, content, done, failed)
            self._dealer.send(frames)

    def _receive(self, frames):
        parent, op, content = messages.reply(self._key, frames)
        asked = self._waiting.pop(parent, None)
        if asked is None:
            return
        if op == "error":
            asked[3](messages.error_of(content))
        else:
            asked[2](content)

    def _lost(self, error):
        """Everything unanswered is asked again after reconnecting; changes carry a request_id.

        A connection file may be stale, and a daemon may be about to return: the same file is tried for
        a while, then a daemon is started (its lock decides; a second start is harmless).
        """
        log.write("connection: %s" % error)
        self.close()
        self._queue = list(self._waiting.values()) + self._queue
        self._waiting = {}
        now = self._clock()
        self._retry_at = now + RETRY_SECONDS
        self._lost_at = self._lost_at or now
        if now - self._lost_at > PATIENCE_SECONDS:
            try:
                self._start(now)
            except UserError as failure:
                self._give_up(failure)

    def _give_up(self, error):
        self.close()
        self.problem = error
        self._lost_at = 0.0
        log.write("daemon: %s" % error)
        asked = list(self._waiting.values()) + self._queue
        self._waiting, self._queue = {}, []
        for item in asked:
            item[3](error)
