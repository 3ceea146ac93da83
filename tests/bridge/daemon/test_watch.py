"""Slow or hanging: told apart by steps, processor time and the daemon's own absences. On a clock of the test's."""

from __future__ import annotations

from bridge.daemon.watch import STEPS_WITHOUT_ONE, Watch

STALL = 100.0


class Machine:
    """A clock, and a process that uses a share of a processor."""

    def __init__(self) -> None:
        self.now, self.used, self.share = 0.0, 0.0, 0.0
        self.watch = Watch(STALL, lambda: self.now, lambda pid: self.used)
        self.watch.begin()

    def run(self, seconds: float) -> bool:
        """Let time go by, as the daemon's loop does; whether the process was found hanging meanwhile."""
        hung = False
        for _ in range(round(seconds)):
            self.now, self.used = self.now + 1.0, self.used + self.share
            self.watch.looked()
            hung = hung or self.watch.hangs(1)
        return hung


def test_a_process_that_neither_steps_nor_computes_hangs():
    machine = Machine()
    assert not machine.run(STALL - 1)
    assert machine.run(STALL + 2)


def test_a_slow_process_is_never_taken_for_one_that_hangs():
    machine = Machine()
    machine.share = 0.5
    assert not machine.run(3600)


def test_waiting_for_a_device_is_measured_by_its_own_steps():
    """A step of 20 s without processor time (a GPU at work) allows the next one many times that."""
    machine = Machine()
    machine.run(20)
    machine.watch.advanced()
    assert not machine.run(20 * STEPS_WITHOUT_ONE - 1)
    assert machine.run(STALL + 5)


def test_the_daemons_own_absence_counts_for_nothing():
    machine = Machine()
    machine.run(10)
    machine.now += 5000.0  # the machine slept
    machine.watch.looked()
    assert machine.watch.silent_seconds() <= 10 and machine.watch.stalled_seconds() <= 10
    assert not machine.run(STALL - 20)
