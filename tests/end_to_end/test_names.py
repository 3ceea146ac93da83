"""Names of files as people have them, through every command that takes one, with a real daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import soundfile

from bridge.client import Client
from bridge.demo.pictures import Comparison, draw_comparison
from bridge.rpp.new_project import new_project, write
from bridge.rpp.project_file import Project
from bridge.rpp.write import NewItem, NewTake, NewTrack
from engine.audio.files import read
from engine.requests import Inpaint
from tests.support.cli_material import END, QUICK, REGION, START, Done, command, make_source, run
from tests.support.paths import TINY

NAMES = {
    "no UTF-8": b"caf\xe9 \xff.wav",
    "255 bytes": "\N{DRUM WITH DRUMSTICKS}".encode() * 62 + b"abc.wav",
    "two lines": b"two\nlines.wav",
    "control characters": b"bell\x07 red\x1b[31m.wav",
    "a leading dash": b"-o.wav",
    "spaces and quotes": b"a 'b' \"c\" $d.wav",
    "deep": b"/".join([b"d" * 200] * 12) + b"/deep.wav",
}
SHORT = ["--tags", "drums", "--duration", "1", "--number-of-steps", "2"]
posix = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these systems' names are Unicode")


@pytest.fixture(autouse=True)
def here(home, tmp_path, monkeypatch):
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(name: bytes) -> Path:
    """A source of that name."""
    path = Path(os.fsdecode(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    make_source(Path("plain.wav"))
    shutil.copyfile("plain.wav", path)
    return path


def process(*words: object) -> Done:
    """A command in a process of its own: its words and its streams are bytes there."""
    done = subprocess.run(command(*words), capture_output=True)
    return Done(done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr))


@posix
@pytest.mark.parametrize("kind", NAMES)
def test_a_file_of_any_name_is_read_written_told_and_made_again(kind):
    source, ran = made(NAMES[kind]), process if kind == "no UTF-8" else run
    folder = Path(source.parent, "out")
    folder.mkdir()
    out = folder / source.name
    done = ran("inpaint", *REGION, *QUICK, "-o", out, "--json", "--", source)
    assert done.code == 0, done.err
    assert os.fsencode(done.document["audio"]["path"]) == os.path.abspath(os.fsencode(out))
    assert out.read_bytes()[:4] == b"RIFF" and [path.name for path in folder.iterdir()] == [source.name]
    assert ran("recipe", "--json", "--", out).document["request"]["task"] == "inpaint"
    again = ran("again", "--model", TINY, "--audio", source, "-o", folder / "again.wav", "--", out)
    assert again.code == 0 and (folder / "again.wav").read_bytes() == out.read_bytes(), again.err


@posix
def test_python_reads_a_name_that_is_not_utf_8(home):
    source = made(NAMES["no UTF-8"])
    with Client.connect(home) as client:
        request = Inpaint(audio=str(source), tags="drums", start_time=START, end_time=END, seed=7, number_of_steps=2)
        assert client.submit(request).result().recipe["request"]["seed"] == 7
    assert read(source).frames == read("plain.wav").frames


@posix
def test_a_default_name_comes_from_a_source_of_any_name():
    source = made(NAMES["255 bytes"])
    done = process("inpaint", source, *REGION, *QUICK)
    assert done.code == 0, done.err
    assert len(os.fsencode(done.out.strip())) == 204 and Path(done.out.strip()).is_file()


@posix
def test_a_project_with_a_name_that_is_not_utf_8(here):
    source = made(NAMES["no UTF-8"])
    take = NewTake(Path("plain.wav"), "loop")
    write(new_project(here / "song.RPP", [NewTrack("Drums", [NewItem(0.0, 3.0, take)])], time_selection=(START, END)))
    data = Path("song.RPP").read_bytes().replace(b"plain.wav", os.fsencode(source)).replace(b"loop", b"caf\xe9")
    Path("latin.RPP").write_bytes(data)
    done = run("rpp", "inpaint", "latin.RPP", "--track", "Drums", *QUICK[4:], "-o", "new.RPP")
    assert done.code == 0, done.err
    project = Project.load("new.RPP")
    assert project.items(project.track("Drums"))[0].takes[1].source.is_file()
    assert Path("new.RPP").read_bytes().count(os.fsencode(source)) == 1


@posix
@pytest.mark.parametrize("kind", ["no UTF-8", "two lines", "control characters"])
def test_a_picture_is_drawn_of_any_name(kind):
    source = made(NAMES[kind])
    audio = read(source)
    draw_comparison(Comparison(audio, audio, START, END, source.name), Path("picture.png"))
    assert Path("picture.png").read_bytes().startswith(b"\x89PNG")


def test_renders_at_once_have_names_of_their_own(here):
    """Four without -o in one folder wrote the same text-to-audio.wav: all said success, three were gone."""
    done: list[Done] = []
    threads = [
        threading.Thread(target=lambda n=seed: done.append(process("text-to-audio", *SHORT, "--seed", n)))
        for seed in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = sorted(path.name for path in here.iterdir())
    assert names == ["text-to-audio-2.wav", "text-to-audio-3.wav", "text-to-audio.wav"]
    assert sorted(one.out.strip() for one in done) == names
    assert len({(here / name).read_bytes() for name in names}) == 3


def test_nothing_is_replaced_unasked(here):
    (here / "v-2.wav").write_bytes(b"precious")
    refused = run("text-to-audio", *SHORT, "--variations", "2", "-o", "v.wav", "--json")
    assert (refused.code, refused.document["error"]["field"]) == (2, "-o")
    assert "--force" in refused.document["error"]["remedy"]
    assert [path.name for path in here.iterdir()] == ["v-2.wav"]
    done = run("text-to-audio", *SHORT, "--variations", "2", "-o", "v.wav", "--force")
    assert (done.code, soundfile.info("v-2.wav").samplerate) == (0, 48000)


def test_a_render_that_fails_leaves_no_file(here):
    refused = run("text-to-audio", *SHORT, "--model", "nobody's", "-o", "a.wav")
    assert refused.code == 3 and not list(here.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_file_that_cannot_be_written_whole_is_named_once_and_the_render_is_kept(here):
    """A limit on the size of files stands for a full disk; the daemon, which is another process, has none."""
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
    words = command("text-to-audio", *SHORT, "-o", "a.wav")
    words[2] = limited + words[2]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("a.wav") == 1, done.stderr
    assert "Traceback" not in done.stderr and not list(here.iterdir())
    job_id = done.stderr.partition("jobs result ")[2].split()[0]
    assert run("jobs", "result", job_id, "-o", "a.wav").code == 0
    assert soundfile.info("a.wav").samplerate == 48000
