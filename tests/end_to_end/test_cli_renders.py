"""The command line against a real daemon with the tiny checkpoint: files, equality, recipes, jobs, cancelling."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.client import Client
from bridge.protocol.lock import is_held
from tests.support.cli_material import (
    END,
    FADE,
    KINDS,
    QUICK,
    REGION,
    SECONDS,
    START,
    TINY,
    count_jobs,
    make_source,
    run,
    start,
)
from tests.support.patience import HANG_SECONDS


@pytest.fixture(autouse=True)
def here(home, tmp_path, monkeypatch):
    """Each test works in a folder of its own, with the shared daemon."""
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def clip(home, tmp_path_factory):
    """A clip made here, with its recipe."""
    patch = pytest.MonkeyPatch()
    patch.setenv("ACESTEP_BRIDGE_HOME", str(home))
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    done = run(
        "text-to-audio", "--tags", "drums", "--duration", "2", "--number-of-steps", "3", "--seed", "3", "-o", path
    )
    patch.undo()
    assert done.code == 0, done.err
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_outside_the_region_every_sample_is_the_sources(kind, here):
    source = make_source(here / "source.wav", kind)
    done = run("inpaint", source, *REGION, *QUICK, "-o", "out.wav")
    assert done.code == 0, done.err
    info = soundfile.info("out.wav")
    assert (info.subtype, info.samplerate, info.channels) == KINDS[kind]
    dtype = "float32" if info.subtype == "FLOAT" else "int32"
    before, rate = soundfile.read(source, dtype=dtype, always_2d=True)
    after, _ = soundfile.read("out.wav", dtype=dtype, always_2d=True)
    first, last = round((START - FADE) * rate), round((END + FADE) * rate)
    assert len(after) == len(before)
    assert np.array_equal(after[:first], before[:first])
    assert np.array_equal(after[last:], before[last:])
    inside = slice(round(START * rate), round(END * rate))
    assert np.mean(after[inside] != before[inside]) > 0.9


def test_the_same_twice_gives_equal_files_and_another_seed_another(here):
    source = make_source(here / "source.wav")
    copy = shutil.copyfile(source, here / "another name.wav")
    for name, src, seed in (("a.wav", source, 7), ("b.wav", copy, 7), ("c.wav", source, 8)):
        assert run("inpaint", src, *REGION, *QUICK, "--seed", seed, "-o", name).code == 0
    a, b, c = ((here / name).read_bytes() for name in ("a.wav", "b.wav", "c.wav"))
    assert a == b
    assert a != c


def test_json_is_one_document_with_all_that_was_made(here):
    source = make_source(here / "source.wav")
    done = run("inpaint", source, *REGION, *QUICK, "-o", "out.flac", "--json")
    document = done.document
    assert document["audio"]["path"] == str(here / "out.flac")
    assert document["seed"] == 7
    assert document["region"] == {"start": 44100, "end": 70560}
    assert document["seam_report"]["samples_changed_outside"] == 0
    assert document["recipe"]["request"]["seed"] == 7
    assert "job " in done.err
    assert soundfile.info("out.flac").format == "FLAC"


FEW = ("--number-of-steps", "3", "--seed", "7")
OTHERS = {
    "outpaint": (["outpaint", "s.wav", "--tags", "drums", "--extend-after-duration", "1", *FEW], SECONDS + 1),
    "outpaint on both sides": (
        [
            "outpaint",
            "s.wav",
            "--tags",
            "drums",
            "--extend-before-duration",
            "0.5",
            *FEW[:2],
            "--extend-after-duration",
            "1",
        ],
        SECONDS + 1.5,
    ),
    "remix": (["audio-to-audio", "s.wav", "--original-tags", "drums", "--tags", "piano", *FEW], SECONDS),
    "lyrics": (
        ["audio-to-audio", "s.wav", "--original-tags", "drums", "--tags", "drums", "--edit-mode", "lyrics", *FEW],
        SECONDS,
    ),
    "prompt": (["prompt-to-audio", "--prompt", "slow house with piano", "--duration", "1", *FEW], 10 * 4096 / 44100),
}


@pytest.mark.parametrize("case", OTHERS)
def test_the_other_tasks(case, here):
    make_source(here / "s.wav")
    words, seconds = OTHERS[case]
    done = run(*words, "-o", "out.wav", "--json")
    assert done.code == 0, done.err
    info, rate = soundfile.info("out.wav"), 48000 if case == "prompt" else 44100
    assert (info.samplerate, info.frames) == (rate, -(-round(seconds * 44100) * rate // 44100))
    if case == "prompt":
        assert "Tags chosen from the prompt: house, slow, piano." in done.document["warnings"]
        assert done.document["tags"] == "house, slow, piano"


def test_two_of_four_channels_are_chosen_by_the_option_that_the_error_names(here):
    numbers = np.random.default_rng(0).uniform(-0.5, 0.5, (3 * 48000, 4))
    soundfile.write("quad.wav", numbers, 48000, subtype="PCM_24")
    refused = run("inpaint", "quad.wav", *REGION, *QUICK, "-o", "out.wav", "--json")
    error = refused.document["error"]
    assert (refused.code, error["field"]) == (2, "audio")
    assert "4 channels" in error["got"] and "channels" in error["remedy"]
    assert run("inpaint", "quad.wav", *REGION, *QUICK, "--channels", "4,2", "-o", "out.wav").code == 0
    before, after = (soundfile.read(name, dtype="int32")[0] for name in ("quad.wav", "out.wav"))
    kept = round((START - FADE) * 48000)
    assert after.shape == (len(before), 2) and np.array_equal(after[:kept], before[:kept, [3, 1]])


def test_the_source_may_be_a_url_where_that_is_allowed(here):
    """This daemon runs with `--audio-urls any`; the server is on this machine."""
    source = make_source(here / "source.wav")
    handler = partial(SimpleHTTPRequestHandler, directory=str(here))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/source.wav"
        assert run("inpaint", url, *REGION, *QUICK, "-o", "by-url.wav").code == 0
    finally:
        server.shutdown()
        server.server_close()
    assert run("inpaint", source, *REGION, *QUICK, "-o", "by-path.wav").code == 0
    assert (here / "by-url.wav").read_bytes() == (here / "by-path.wav").read_bytes()


def test_a_model_asked_for_twice_does_not_hold_up_the_queue(home):
    """The engine once answered only the first of two orders to load a model; the daemon waited for the second."""
    with Client.connect(home) as client:
        for _ in range(2):
            client.load(str(TINY))
            limit = time.monotonic() + HANG_SECONDS
            while client.hello().engine.state != "idle" and time.monotonic() < limit:
                time.sleep(0.05)
    words = ("--tags", "drums", "--duration", "1", "--number-of-steps", "2")
    assert run("text-to-audio", *words, "-o", "a.wav").code == 0


def test_default_names_do_not_take_others_places(here):
    words = ("text-to-audio", "--tags", "drums", "--duration", "1", "--number-of-steps", "2")
    first, second = run(*words), run(*words)
    assert (first.out.strip(), second.out.strip()) == ("text-to-audio.wav", "text-to-audio-2.wav")


def test_variations_are_files_of_their_own(here):
    done = run(
        "text-to-audio", "--tags", "drums", "--duration", "1", "--number-of-steps", "2", "--variations", "2",
        "--seed", "5", "-o", "v.wav", "--json",
    )  # fmt: skip
    assert [entry["seed"] for entry in done.document["results"]] == [5, 6]
    assert (here / "v.wav").read_bytes() != (here / "v-2.wav").read_bytes()


def test_a_clip_tells_how_it_was_made_and_is_made_again(clip, here):
    recipe = run("recipe", clip, "--json").document
    assert recipe["request"]["seed"] == 3
    assert "drums" in run("recipe", clip).out
    again = run("again", clip, "-o", "same.wav")  # its model is a folder, of which the recipe knows no path
    assert again.code == 0 and f"The model is {TINY}" in again.err
    assert (here / "same.wav").read_bytes() == clip.read_bytes()
    assert run("again", clip, "--seed", "4", "--set", f"model={TINY}", "-o", "other.wav").code == 0
    assert (here / "other.wav").read_bytes() != clip.read_bytes()


def test_a_retake_varies_a_clip_that_was_made_here(clip, here):
    done = run("retake", clip, "--variance", "0.4", "--model", TINY, "-o", "retake.wav", "--json")
    request = done.document["recipe"]["request"]
    assert (request["task"], request["seed"], request["tags"], request["variance"]) == ("retake", 3, "drums", 0.4)
    foreign = run("retake", make_source(here / "foreign.wav"), "-o", "x.wav")
    assert foreign.code == 2
    assert "--edit-mode reference" in foreign.err


def test_a_result_goes_to_standard_output_byte_for_byte(clip, here):
    newest = run("jobs", "list", "--state", "completed", "--limit", 1, "--json").document["jobs"][0]["job_id"]
    assert run("jobs", "result", newest, "-o", "copy.wav").code == 0
    piped = CliRunner().invoke(app, ["jobs", "result", newest, "-o", "-"])
    assert (piped.exit_code, piped.stdout_bytes) == (0, (here / "copy.wav").read_bytes())


def test_jobs_are_listed_shown_and_their_audio_copied(clip, here):
    listed = run("jobs", "list", "--json").document
    job_id = next(job["job_id"] for job in reversed(listed["jobs"]) if job["state"] == "completed")
    assert job_id in run("jobs", "list").out
    assert run("jobs", "show", job_id).out.startswith(job_id)
    assert run("jobs", "logs", job_id).out
    assert run("jobs", "result", job_id, "-o", "copy.wav").code == 0
    assert (here / "copy.wav").stat().st_size > 1000
    assert run("jobs", "cancel", job_id, "--json").document["state"] == "completed"
    unknown = run("jobs", "show", "20200101T000000-00000000")
    assert unknown.code == 2
    assert "20200101T000000-00000000" in unknown.err


@pytest.mark.skipif(sys.platform == "win32", reason="a console's Ctrl-C cannot be sent to one process there")
def test_ctrl_c_cancels_the_job(home):
    words = ("text-to-audio", *TAGS, "--duration", "60", "--number-of-steps", "200", "--seed", "1")
    process = start(home, *words)
    with Client.connect(home) as client:
        job_id = _running_job(client)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=HANG_SECONDS)
        assert process.returncode == 130, err
        assert "Cancelled." in err
        assert client.job(job_id).wait(HANG_SECONDS).state == "cancelled"
    assert "Traceback" not in err


def _running_job(client):
    limit = time.monotonic() + HANG_SECONDS
    while time.monotonic() < limit:
        running = client.jobs("running").jobs
        if running and running[0].stage == "denoise":
            return running[0].job_id
        time.sleep(0.05)
    raise AssertionError("no job began")


TAGS = ["--tags", "x"]
BAD = {
    "no file": (["inpaint", "missing.wav", *REGION, *TAGS], "audio", "does not exist"),
    "empty file": (["inpaint", "empty.wav", *REGION, *TAGS], "audio", "empty"),
    "not audio": (["inpaint", "text.wav", *REGION, *TAGS], "audio", "not audio"),
    "truncated": (["inpaint", "cut.wav", *REGION, *TAGS], "audio", "truncated"),
    "0 samples": (["inpaint", "none.wav", *REGION, *TAGS], "audio", "0 samples"),
    "NaN": (["inpaint", "nan.wav", *REGION, *TAGS], "audio", "nan"),
    "start after end": (["inpaint", "s.wav", "--start-time", "2", "--end-time", "1", *TAGS], "start_time", ""),
    "beyond the end": (["inpaint", "s.wav", "--start-time", "1", "--end-time", "9", *TAGS], "end_time", ""),
    "before the start": (
        ["inpaint", "s.wav", "--start-time", "-1", "--end-time", "2", *TAGS],
        "start_time",
        "",
    ),
    "no tags": (["inpaint", "s.wav", *REGION], "tags", ""),
    "empty tags": (["inpaint", "s.wav", *REGION, "--tags", " "], "tags", ""),
    "NaN time": (["inpaint", "s.wav", "--start-time", "nan", "--end-time", "2", *TAGS], "start_time", ""),
    "unknown scheduler": (["text-to-audio", *TAGS, "--scheduler", "fast"], "scheduler", "euler"),
    "steps out of range": (["text-to-audio", *TAGS, "--number-of-steps", "0"], "number_of_steps", "200"),
    "no number": (["text-to-audio", *TAGS, "--duration", "long"], "duration", "long"),
    "too long": (["text-to-audio", *TAGS, "--duration", "241"], "duration", "240"),
    "too many variations": (["text-to-audio", *TAGS, "--variations", "17"], "variations", "16"),
    "nothing to add": (
        ["outpaint", "s.wav", *TAGS, "--extend-after-duration", "0"],
        "extend_after_duration",
        "",
    ),
    "no original tags": (["audio-to-audio", "s.wav", *TAGS], "original_tags", ""),
    "no prompt": (["prompt-to-audio", "--prompt", ""], "prompt", ""),
    "over the source": (["inpaint", "s.wav", *REGION, *TAGS, "-o", "s.wav"], "-o", "source"),
    "unknown ending": (["text-to-audio", *TAGS, "-o", "x.doc"], "-o", ".wav"),
    "no such folder": (["text-to-audio", *TAGS, "-o", "nowhere/x.wav"], "-o", "folder"),
    "client data": (["text-to-audio", *TAGS, "--client-data", "{"], "client_data", ""),
}


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    make_source(folder / "s.wav")
    data = (folder / "s.wav").read_bytes()
    (folder / "cut.wav").write_bytes(data[: len(data) // 2])
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("no audio at all, only words")
    soundfile.write(folder / "none.wav", np.zeros((0, 2)), 44100)
    samples = np.zeros((3 * 44100, 2), dtype=np.float32)
    samples[50000, 0] = np.nan
    soundfile.write(folder / "nan.wav", samples, 44100, subtype="FLOAT")
    return folder


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_nothing_is_queued(case, bad_files, home, monkeypatch):
    monkeypatch.chdir(bad_files)
    words, field, hint = BAD[case]
    before = count_jobs(home)
    done = run(*words, "--json")
    assert done.code == 2, done.err
    error = done.document["error"]
    assert error["field"] == field
    assert error["got"] and error["expected"] and error["remedy"]
    assert hint.lower() in done.err.lower()
    assert count_jobs(home) == before


def test_an_unknown_model_ends_with_3(home):
    done = run("text-to-audio", *TAGS, "--model", "gpt")
    assert done.code == 3, done.err
    assert "nano" in done.err


def test_a_project_file_gets_a_take(here):
    from bridge.rpp.new_project import new_project, write
    from bridge.rpp.project_file import Project
    from bridge.rpp.write import NewItem, NewTake, NewTrack

    source = make_source(here / "loop.wav")
    tracks = [NewTrack("Drums", [NewItem(0.0, 3.0, NewTake(source, "loop"))])]
    write(new_project(here / "song.RPP", tracks, time_selection=(START, END)))
    before = (here / "song.RPP").read_bytes()
    words = ["--set", "number_of_steps=4", "--set", "seed=7", "--set", "context_seconds=0.5"]
    done = run("rpp", "inpaint", "song.RPP", "--track", "Drums", "--tags", "drums", *words, "-o", "new.RPP")
    assert done.code == 0, done.err
    project = Project.load("new.RPP")
    takes = project.items(project.track("Drums"))[0].takes
    assert [take.active for take in takes] == [False, True]
    assert takes[1].source.is_file()
    assert (here / "song.RPP").read_bytes() == before
    missing = run("rpp", "inpaint", "song.RPP", "--track", "Nobody", *TAGS, "-o", "x.RPP")
    assert missing.code == 2


def test_without_a_daemon_a_command_starts_one_and_stops_it(here, monkeypatch):
    own = here / "home"
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(own))
    listed = run("jobs", "list")
    assert listed.code == 3
    assert "acestep-bridge serve" in listed.err
    words = ("text-to-audio", *TAGS, "--duration", "1", "--number-of-steps", "2", "--model", TINY)
    assert run(*words, "-o", "a.wav").code == 0
    limit = time.monotonic() + HANG_SECONDS
    while is_held(own / "daemon.lock") and time.monotonic() < limit:
        time.sleep(0.05)
    assert not is_held(own / "daemon.lock")
