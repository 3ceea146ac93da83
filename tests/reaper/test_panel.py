"""The panel: its Lua over stand-ins of ReaImGui and REAPER's API, and the real background script at the other end."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.paths import DOCS, SCRIPTS
from tests.support.reaper.contract import functions
from tests.support.reaper.panel_window import LUA, OUT_ONLY, OWN, LuaError, Panel, run_queued, wait_for, why_no_lua
from tests.support.reaper.pressing import TAKE, run

pytestmark = pytest.mark.skipif(bool(why_no_lua()), reason=why_no_lua() or "-")
HOST = (DOCS.parent / "tests" / "support" / "reaper" / "panel" / "host.lua").read_text("utf-8")
PANEL = sorted([*SCRIPTS.glob("*.lua"), *SCRIPTS.glob("acestep_panel/*.lua")])


@pytest.fixture
def session(two_tracks):
    two_tracks.project.items()[0].selected = True
    return two_tracks


@pytest.fixture
def open_panel(session) -> Iterator[Callable[..., Panel]]:
    """Runs the panel's script; `absent` names functions that this REAPER does not have."""
    made: list[Panel] = []

    def make(*absent: str) -> Panel:
        made.append(Panel(session.fake, session.folder / "scripts", absent))
        made[-1].load()
        return made[-1]

    yield make
    for panel in made:
        panel.end()


@pytest.fixture
def panel(session, open_panel) -> Panel:
    """An open panel whose background script runs and has told its state."""
    found = open_panel()
    wait_for(found, session.host, lambda w: found.fake.ext_state.get(("acestep", "panel_state")) is not None)
    found.frame()
    return found


def state(session) -> dict:
    return json.loads(session.fake.ext_state["acestep", "panel_state"])


def answered(session, panel, *press, **more):
    """Presses, and gives what came of the request."""
    before = len(state(session)["answers"])
    panel.frame(*press, **more)
    session.until(lambda: len(state(session)["answers"]) > before)
    panel.frame()
    return state(session)["answers"][-1]


def test_it_starts_the_background_script_and_shows_its_state(session, panel):
    assert [p.rpartition("_")[2] for p in session.host.running] == ["Background service.py"]
    window = panel.frame()
    assert window.title == "ACE-Step"
    assert window.of("##tags")["value"] == "house, drums" and window.of("Variations")["value"] == 1
    assert "No job is running" in window.texts() and any(t.startswith("1/1") for t in window.texts())
    session.check()


def test_tags_are_typed_rendered_watched_and_remembered(session, panel):
    session.daemon.hold = True
    said = answered(session, panel, "New take", typed={"##tags": 'techno, "hard" 9 à 音'})
    assert said["ok"] and said["said"].startswith("rendering")
    session.wait_sent(1)
    assert session.daemon.requests["job-1"]["tags"] == 'techno, "hard" 9 à 音'
    window = wait_for(panel, session.host, lambda w: any("denoise" in t for t in w.texts()))
    bar = next(w for w in window.widgets if w["kind"] == "progress")
    assert bar["text"] == "rendering: denoise 3/27, 2 s left" and bar["value"] == pytest.approx(3 / 27, abs=1e-3)
    session.daemon.hold = False
    window = wait_for(panel, session.host, lambda w: "No job is running" in w.texts())
    assert len(session.project.items()[0].takes) == 2
    window = wait_for(panel, session.host, lambda w: "Last seed 7" in w.texts())
    assert any(t.startswith("2/2  ACE-Step: techno") for t in window.texts())
    assert state(session)["history"][0] == 'techno, "hard" 9 à 音'
    assert any("done" in t for t in window.texts())
    session.check()


def test_a_running_job_is_cancelled(session, panel):
    session.daemon.hold = True
    panel.frame("New take")
    session.wait_sent(1)
    wait_for(panel, session.host, lambda w: any(x["kind"] == "progress" for x in w.widgets))
    panel.frame("Cancel last")
    wait_for(panel, session.host, lambda w: "No job is running" in w.texts())
    assert session.daemon.jobs["job-1"]["state"] == "cancelled"
    session.check()


def test_takes_are_auditioned_kept_and_rejected(session, panel):
    for _ in range(3):
        run(session, TAKE)
    item = session.project.items()[0]
    item.selected = True
    window = panel.frame()
    assert any(t.startswith("4/4") for t in window.texts())
    assert answered(session, panel, "A/B")["said"].startswith("take 3/4")  # it was made from that one
    assert answered(session, panel, "A/B")["said"].startswith("take 4/4")
    assert answered(session, panel, "<")["said"].startswith("take 3/4: ACE-Step")
    assert answered(session, panel, ">")["ok"] and answered(session, panel, ">")["said"].startswith("take 1/4")
    assert panel.frame().of("Reject")["disabled"]
    assert answered(session, panel, "<")["ok"]
    assert answered(session, panel, "Reject")["ok"] and len(session.project.items()[0].takes) == 3
    kept = session.project.items()[0].takes[session.project.items()[0].active].guid
    assert "1 of our takes dropped" in answered(session, panel, "Keep")["said"]
    item = session.project.items()[0]
    assert len(item.takes) == 2 and item.takes[item.active].guid == kept and item.takes[0].name == "drums.wav"
    session.check()


def test_the_seed_is_locked_to_the_last_one_and_freed(session, panel):
    run(session, TAKE)
    wait_for(panel, session.host, lambda w: "Last seed 7" in w.texts())
    assert answered(session, panel, "Lock")["ok"] and state(session)["settings"]["seed"] == "7"
    assert panel.frame().of("Lock")["value"] is True
    run(session, TAKE)
    assert list(session.daemon.requests.values())[-1]["seed"] == 7
    answered(session, panel, "Lock")
    run(session, TAKE)
    assert "seed" not in list(session.daemon.requests.values())[-1]
    session.check()


def test_presets_are_saved_recalled_and_taken_back(session, panel):
    panel.frame(typed={"##tags": "soft pads", "##preset": "1 Soft", "##lyrics": "one\ntwo"})
    assert answered(session, panel, "Save")["ok"]
    saved = json.loads((session.home / "presets" / "1 Soft.json").read_text("utf-8"))
    assert saved == {"tags": "soft pads", "lyrics": "one\ntwo", "variations": 1, "variance": 0.5,
                     "context_seconds": 2.0, "crossfade_seconds": 0.03}  # fmt: skip
    saved.update(guidance_scale=5.0, variations=2, start_time=1.0, source="x.wav")
    (session.home / "presets" / "Loud.json").write_text(json.dumps(dict(saved, tags="loud", lyrics="")), "utf-8")
    wait_for(panel, session.host, lambda w: len(state(session)["presets"]) == 2)
    assert state(session)["presets"] == [{"name": "1 Soft", "key": 1}, {"name": "Loud"}]
    assert answered(session, panel, "##presets", "Loud")["ok"]
    window = panel.frame()
    assert window.of("##tags")["value"] == "loud" and window.of("##presets")["value"] == "Loud"
    assert window.of("##lyrics")["value"] == "" and window.of("Variations")["value"] == 2
    run(session, TAKE)
    sent = list(session.daemon.requests.values())[-1]
    assert (sent["tags"], sent["guidance_scale"], sent["variations"]) == ("loud", 5.0, 2)
    assert sent["start_time"] != 1.0 and sent["audio"] != "x.wav"
    answered(session, panel, "##presets", "No preset")
    run(session, TAKE)
    assert "guidance_scale" not in list(session.daemon.requests.values())[-1]
    session.check()


def test_what_the_surface_sets_is_shown_while_it_drives(session, panel):
    run(session, TAKE)  # the daemon is connected
    assert not any("surface" in t for t in panel.frame().texts())
    session.daemon.controls.update(reaper=1, tags="from the surface", seed=3, start_time=4.0)
    window = wait_for(panel, session.host, lambda w: "The control surface sets" in w.texts())
    assert {"tags: from the surface", "seed: 3"} <= set(window.texts())
    assert not any("start_time" in t for t in window.texts())
    session.daemon.controls.update(reaper=0)
    wait_for(panel, session.host, lambda w: "The control surface sets" not in w.texts())


def test_what_is_set_here_reaches_a_surface_that_drives(session, panel):
    """Whoever changed a control last wins, on either side."""
    run(session, TAKE)
    session.daemon.controls.update(reaper=1, tags="of the surface", seed=3, guidance_scale=4.0)
    wait_for(panel, session.host, lambda w: "tags: of the surface" in w.texts())
    answered(session, panel, typed={"##tags": "of the panel"})
    wait_for(panel, session.host, lambda w: "tags: of the panel" in w.texts())
    assert session.daemon.controls["tags"] == "of the panel" and session.daemon.controls["seed"] == 3
    (session.home / "presets").mkdir()
    (session.home / "presets" / "P.json").write_text('{"tags": "of the preset", "scheduler": "heun"}', "utf-8")
    wait_for(panel, session.host, lambda w: len(state(session)["presets"]) == 1)
    answered(session, panel, "##presets", "1  P")
    wait_for(panel, session.host, lambda w: "tags: of the preset" in w.texts())
    told = {name: value for name, value in session.daemon.controls.items() if value is not None}
    assert (told["tags"], told["scheduler"], told["reaper"]) == ("of the preset", "heun", 1)
    assert "seed" not in told and "guidance_scale" not in told
    run(session, TAKE)
    assert list(session.daemon.requests.values())[-1]["scheduler"] == "heun"
    session.check()


def test_what_cannot_be_done_is_said_in_the_window(session, panel):
    assert "No other take here" not in " ".join(panel.frame().texts())
    session.project.time_selection = (0.0, 0.0)
    for track in session.project.tracks:
        track.selected = False
    session.project.items()[0].selected = False
    session.project.cursor = 100.0
    answer = answered(session, panel, "New take")
    assert not answer["ok"] and "Nothing to regenerate" in answer["said"]
    assert any("Nothing to regenerate" in t for t in panel.frame().texts())
    said = answered(session, panel, typed={"Seed": "seven"})
    assert not said["ok"] and "seed: got 'seven'" in said["said"]
    said = answered(session, panel, "New take", typed={"Seed": "", "##tags": ""})
    assert not said["ok"] and "Tags are needed" in said["said"]
    assert session.fake.dialogs == []


def test_no_question_opens_where_the_daemon_may_not_start_by_itself(session, open_panel):
    session.save_tags(snap_to_bars="no", start_daemon="no")
    session.daemon.stop()
    (session.home / "connection.json").unlink()
    panel = open_panel()
    wait_for(panel, session.host, lambda w: any(x.get("label") == "Start the daemon" for x in w.widgets))
    answer = answered(session, panel, "New take")
    assert not answer["ok"] and "start the daemon there" in answer["said"] and session.fake.dialogs == []
    session.daemon.start()
    answered(session, panel, "Start the daemon")
    wait_for(panel, session.host, lambda w: "Daemon: runs" in w.texts())
    assert answered(session, panel, "New take")["ok"]
    session.finish()


def test_without_reaimgui_one_line_says_how_to_get_it(session, open_panel):
    panel = open_panel("ImGui_GetBuiltinPath")
    assert not panel.open and session.host.running == []
    assert "install 'ReaImGui" in session.fake.help_text and "\n" not in session.fake.help_text
    assert session.fake.tooltips == [session.fake.help_text] and session.fake.dialogs == []


def test_it_closes_and_lets_the_background_script_go(session, panel):
    assert panel.frame(close=True).title and not panel.open
    assert panel.quit() == [5, 8]  # a second press closes it, its toolbar button is lit; and off
    assert session.fake.ext_state["acestep", "panel_open"] == ""


def test_a_busy_reaper_is_no_reason_to_start_another_background_script(session, panel):
    """It would open REAPER's task control dialog, when REAPER comes back from a long render."""
    panel.frame(seconds=1)
    panel.calls.clear()
    panel.frame(seconds=60)
    panel.frame(seconds=1)
    assert "Main_OnCommand" not in panel.calls
    session.fake.ext_state["acestep", "heartbeat"] = repr(time.time() + 61)  # its first tick afterwards
    panel.frame(seconds=1)
    session.fake.ext_state["acestep", "heartbeat"] = ""  # it ended
    for _ in range(3):
        panel.frame(seconds=1)
    assert "Main_OnCommand" not in panel.calls
    panel.frame(seconds=1)
    assert panel.calls.count("Main_OnCommand") == 1
    panel.frame(seconds=1)
    assert panel.calls.count("Main_OnCommand") == 1
    assert "AddRemoveReaScript" not in panel.calls, "REAPER knows the script since the panel started it first"


def test_it_uses_the_background_script_that_the_installer_registered(session, open_panel):
    """Its id is made from where the file lies; where REAPER knows neither that nor another, it is told once."""
    script = session.folder / "scripts" / "acestep_Background service.py"
    open_panel().frame(seconds=10)
    assert session.fake.log.count("AddRemoveReaScript") == 1
    place = f"{session.folder.name}/scripts/{script.name}"
    session.fake.scripts.clear()
    session.fake.register(str(script), "RS" + hashlib.sha1(place.encode()).hexdigest())
    session.fake.ext_state["acestep", "heartbeat"] = ""
    open_panel().frame(seconds=10)
    assert session.fake.log.count("AddRemoveReaScript") == 1 and session.fake.commands[-1] in session.fake.scripts


def test_it_is_opened_three_times_in_one_session(session, open_panel):
    for _ in range(3):
        panel = open_panel()
        run_queued(panel, session.host)
        wait_for(panel, session.host, lambda w: w.widgets[0]["value"] == "house, drums")
        panel.frame(close=True)
        panel.quit()
    assert [p.rpartition("_")[2] for p in session.host.running] == ["Background service.py"]
    session.check()


def test_an_older_reaper_has_no_action_options(session, open_panel):
    panel = open_panel("set_action_options")
    run_queued(panel, session.host)
    assert panel.frame().title == "ACE-Step" and panel.quit() == []


def test_another_version_of_the_contract_is_refused_on_both_sides(session, panel):
    session.fake.ext_state["acestep", "panel_state"] = json.dumps({"version": 2})
    window = panel.frame()
    assert any("speaks version 1, the background script 2" in t for t in window.texts())
    for request, why in (
        ({"version": 2, "id": "a", "op": "next"}, "version 2, expected 1"),
        ({"version": 1, "id": "b", "op": "fly"}, "op: got 'fly', expected one of again"),
        ({"version": 1, "id": "c", "op": "recall", "preset": 3}, "preset: got 3, expected a text"),
        ({"version": 1, "id": "d", "op": "set", "settings": {"tugs": "x"}}, "there is no 'tugs'"),
        ({"version": 1, "id": "e", "op": "save", "preset": "a/b"}, "cannot be a preset's name"),
        ([1], "something else than a request"),
    ):
        session.fake.ext_state["acestep", "panel_requests"] = json.dumps(request)
        session.host.tick(16)
        answer = state(session)["answers"][-1]
        assert not answer["ok"] and why in answer["said"], answer


def test_json_goes_round_through_the_panels_own(panel):
    for value in ({"a": [1, -2.5, 1e300, True, {}], "b": 'x"\\\n\t\u0001é音😀', "c": {"d": ""}}, [], "text", 0.1):
        for ascii_only in (True, False):
            found = panel.decode(json.dumps(value, ensure_ascii=ascii_only))
            assert json.loads(found["text"]) == value
    for broken in ("", "{", '{"a" 1}', "[1,]", '"x', "tru", "{}x", '"\\q"', "[1 2]"):
        assert "text" not in panel.decode(broken) and panel.decode(broken)["why"]


def test_the_stand_ins_are_strict(panel):
    with pytest.raises(LuaError, match="nothing to press"):
        panel.frame("No such button")
    with pytest.raises(LuaError, match="nothing to press"):
        panel.frame("Save")  # it is disabled while no name is given


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("ImGui.Texxt(ctx, 'x')", "ReaImGui has no Texxt"),
        ("ImGui.Text(ctx, 3)", "Text: argument 2 is 3"),
        ("ImGui.Text(ctx)", "Text: 1 arguments"),
        ("ImGui.Text('another', 'x')", "Text: argument 1 is another"),
        ("ImGui.Button(ctx, 'A') ImGui.Button(ctx, 'A')", "two widgets have the id A"),
        ("ImGui.BeginDisabled(ctx)", "window ends, but disabled is open"),
        ("ImGui.EndDisabled(ctx)", "EndDisabled, but window is open"),
        ("ImGui.End(ctx) ImGui.Text(ctx, 'x')", "Text outside of a window"),
        ("ImGui.Begin(ctx, 'B', true)", "left open: window"),
        ("ImGui.ProgressBar(ctx, 1.5)", "a fraction out of 0 to 1"),
        ("reaper.Sleep(1)", "REAPER has no Sleep"),
        ("reaper.SetExtState('a', 'b', 'c')", "SetExtState: wrong number of arguments"),
        ("reaper.SetExtState('a', 'b', 'c', 0)", "SetExtState: argument 4 is 0"),
    ],
)
def test_the_stand_ins_refuse(session, tmp_path, lines, said):
    script = f"""
    package.path = reaper.ImGui_GetBuiltinPath() .. '/?.lua'
    local ImGui = require 'imgui' '0.9'
    local ctx = ImGui.CreateContext('A')
    reaper.defer(function() ImGui.Begin(ctx, 'A', true) {lines} ImGui.End(ctx) end)
    """
    shutil.copytree(SCRIPTS / "acestep_panel", tmp_path / "acestep_panel")
    (tmp_path / "acestep_Panel.lua").write_text(script, "ascii")
    panel = Panel(session.fake, tmp_path)
    try:
        panel.load()
        with pytest.raises(LuaError, match=re.escape(said)):
            panel.frame()
    finally:
        panel.end()


def test_the_stand_ins_signatures_are_reapers():
    """A call's letters in host.lua are those of REAPER's header, without C's out-parameters."""
    signatures = dict(re.findall(r"(\w+) = '([a-z]*)'", HOST.partition("local API = {")[2].partition("\n}")[0]))
    assert len(signatures) > 12
    for name, letters in signatures.items():
        if name not in OWN:
            expected = "".join(x for x in functions()[name].letters if x not in OUT_ONLY)
            assert letters == expected.replace("S", "s").replace("Z", "s").replace("P", "p").replace("u", "i"), name


@pytest.mark.parametrize("path", PANEL, ids=lambda p: p.name)
def test_sources_are_ascii_and_of_lua_5_3(path):
    text = path.read_bytes().decode("ascii")
    assert "<const>" not in text and "<close>" not in text and "goto" not in text
    used = set(re.findall(r"\breaper\.(\w+)", text)) - {"defer", "atexit"}
    assert all(f"{name} = " in HOST for name in used)
    assert LUA
