"""Re-initialised Python renders; ticks; two background scripts; what the host itself does."""

from __future__ import annotations

import pytest

from tests.support.reaper.host import HostError, why_no_host
from tests.support.reaper.pressing import TAKE

pytestmark = pytest.mark.skipif(bool(why_no_host()), reason=why_no_host() or "-")


def end_background(studio) -> None:
    """Another instance's token makes the background script end."""
    studio.fake.ext_state["acestep", "token"] = "another"
    studio.fake.ext_state.pop(("acestep", "heartbeat"), None)
    studio.host.tick(16)


def test_reinitialised_python_renders_a_take(make_studio):
    studio = make_studio("reinit")
    studio.save_tags()
    studio.fake.nested = False
    studio.song(seconds=6.0)
    studio.select(2.0, 4.0)
    for run in range(3):
        studio.action(TAKE)
        studio.until(lambda: len(studio.project.items()[0].takes) == run + 2)  # noqa: B023
        end_background(studio)
    studio.host.close()
    studio.check()


def test_idle_ticks_make_one_call_each(studio):
    studio.save_tags()
    studio.song(seconds=6.0)
    studio.select(2.0, 4.0)
    studio.action(TAKE)
    studio.finish()
    studio.host.tick(30)
    calls, size = studio.host.calls, studio.host.bytes
    studio.host.tick(150)
    assert (studio.host.calls - calls) / 150 <= 1.5
    assert (studio.host.bytes - size) / 150 <= 60
    studio.check()


def test_a_second_background_script_takes_over(studio):
    studio.save_tags()
    path = studio.folder / "scripts" / "acestep_Background service.py"
    studio.host.run(path)
    assert len(studio.host.running) == 1
    studio.host.run(path)  # the user starts it by hand: REAPER asks, which is the fake's dialog
    assert len(studio.host.running) == 2
    studio.host.tick(16)
    assert len(studio.host.running) == 1
    assert [d[0] for d in studio.fake.dialogs] == ["ReaScript task control"]


def test_the_host_reports_errors_and_non_ascii_sources(studio):
    bad = studio.folder / "bad.py"
    bad.write_text("RPR_CountTracks(0)\n1/0\n", encoding="ascii")
    studio.host.run(bad)
    assert "ZeroDivisionError" in studio.host.errors.pop()
    bad.write_text("x = 'ö'\n", encoding="utf-8")
    studio.host.run(bad)
    assert "not ASCII" in studio.host.errors.pop()
    bad.write_text(
        "import sys\nassert '__file__' not in globals() and not hasattr(sys, 'argv')\n"
        "assert sys.getfilesystemencoding() == 'ascii'\n", encoding="ascii",
    )  # fmt: skip
    studio.host.run(bad)
    assert studio.host.errors == []


def test_the_host_ends_with_a_thread_left_alive(studio):
    bad = studio.folder / "thread.py"
    bad.write_text(
        "import threading, time\nt = threading.Thread(target=time.sleep, args=(9,), daemon=True)\nt.start()\n",
        encoding="ascii",
    )
    with pytest.raises(HostError):
        studio.host.run(bad)


def test_null_pointers_and_other_tabs(studio):
    from tests.support.reaper.fake import Project

    studio.song(seconds=1.0)
    script = studio.folder / "probe.py"
    script.write_text(
        "track = RPR_GetTrack(0, 5)\n"
        "RPR_SetExtState('t', 'null', track, 0)\n"
        "RPR_SetExtState('t', 'kept', RPR_GetTrack(0, 0), 0)\n", encoding="ascii",
    )  # fmt: skip
    studio.host.run(script)
    assert studio.fake.ext_state["t", "null"] == "(MediaTrack*)0x0000000000000000"
    studio.fake.projects.append(Project())
    studio.fake.active = 1
    script.write_text("RPR_GetTrackName(RPR_GetExtState('t', 'kept'), '', 64)\n", encoding="ascii")
    studio.host.run(script)
    assert studio.fake.violations == ["GetTrackName: invalid MediaTrack* 0x0"]
