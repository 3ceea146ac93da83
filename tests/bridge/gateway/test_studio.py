"""The page's files and its own endpoints, over a real gateway and daemon; what a browser shows is tests/browser."""

from __future__ import annotations

import hashlib
import json
import re
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bridge.cli.commands.studio_command import write_opener
from bridge.client import Client
from bridge.daemon.views import models
from bridge.gateway.catalogue import asked_by
from bridge.gateway.copies_here import command_that_shows
from bridge.gateway.form_fields import GROUPS, HIDDEN, forms
from bridge.gateway.inputs import public_name
from bridge.gateway.page_files import FOLDER, assets
from bridge.gateway.secret_files import secrets_of
from bridge.gateway.serving import Running
from engine.requests import TASKS, fields_of
from tests.browser.vendor import LIST, wrong_files
from tests.support.gateway import APP, wave_bytes
from tests.support.paths import TINY15
from tests.support.patience import HANG_SECONDS


@pytest.fixture(scope="module")
def source(gateway) -> str:
    """The hash of an upload."""
    announced = gateway.call(
        "POST", "/rest/storage/upload/initiate", {"file_name": "a.wav", "content_type": "audio/wav"}
    )
    with urllib.request.urlopen(
        urllib.request.Request(announced.json["upload_url"], wave_bytes(4.0), method="PUT"), timeout=HANG_SECONDS
    ) as answer:
        return str(json.loads(answer.read())["sha256"])


@pytest.fixture(scope="module")
def finished(gateway, source) -> Any:
    """The job of a region that was regenerated here, twice over."""
    call = gateway.submit(
        {"audio_url": f"sha256:{source}", "tags": "blip", "start_time": 1, "end_time": 2, "variations": 2, "seed": 5}
        | {"client_data": {"client": "studio"}},
        f"{APP}/audio-inpaint",
    )
    gateway.finished(call)
    jobs = gateway.call("GET", "/studio/jobs?search=blip").json["jobs"]
    return gateway.call("GET", f"/studio/jobs/{jobs[0]['job_id']}").json


def test_the_page_allows_its_own_origin_only_and_its_nonce_is_fresh(gateway):
    pages = [gateway.call("GET", "/", key="") for _ in range(2)]
    policies = [page.headers["content-security-policy"] for page in pages]
    nonces = [re.search(r"nonce-([\w-]+)", policy)[1] for policy in policies]
    assert nonces[0] != nonces[1] and all(
        nonce.encode() in page.body for nonce, page in zip(nonces, pages, strict=True)
    )
    assert policies[0].startswith("default-src 'none'; script-src 'self'; connect-src 'self'")
    assert "unsafe" not in policies[0] and "http" not in policies[0] and gateway.key not in pages[0].body.decode()


def test_every_file_of_the_page_is_served_without_a_key_and_no_other(gateway):
    named = set(re.findall(r'"/assets/([^"]+)"', (FOLDER / "index.html").read_text()))
    for path in FOLDER.glob("*.js"):
        named |= {name.removeprefix("./") for name in re.findall(r'from "(\./[^"]+)"', path.read_text())}
    assert named <= set(assets())
    for name in named:
        answer = gateway.call("GET", f"/assets/{name}", key="")
        assert answer.status == 200 and answer.headers["x-content-type-options"] == "nosniff", name
    for name in ("../serving.py", "..%2fserving.py", "vendor/vendor.json", "index.html"):
        assert gateway.call("GET", f"/assets/{name}", key="").status == 404


def test_the_page_names_no_other_origin():
    for path in [*FOLDER.glob("*.js"), FOLDER / "index.html", FOLDER / "style.css"]:
        text = path.read_text()
        assert "innerHTML" not in text and "eval(" not in text, path
        assert "https://" not in text and "http://" not in text, path


def test_vendored_files_are_as_they_were_taken_in():
    assert wrong_files() == [] and json.loads(LIST.read_text())["licence"] == "BSD-3-Clause"


@pytest.mark.parametrize("path", ["about", "fields", "events", "jobs", "models", "presets", "webhooks"])
def test_its_endpoints_want_the_key(gateway, path):
    assert gateway.call("GET", f"/studio/{path}", key="").status == 401
    assert gateway.call("GET", f"/studio/{path}", key="x" * 43).status == 401


def test_every_field_of_a_task_is_in_its_form_once():
    for form in forms():
        shown = [field["name"] for group in form["groups"] for field in group["fields"]]
        assert sorted(shown) == sorted(public_name(name) for name in set(fields_of(TASKS[form["task"]])) - HIDDEN)
    known = {name for request in TASKS.values() for name in fields_of(request)}
    assert {name for group in GROUPS for name in group.names} <= known


def test_a_job_has_its_words_its_takes_and_its_source(gateway, finished, source):
    assert finished["from"] == "this page" and finished["source"] == source and finished["request"]["tags"] == "blip"
    assert [take["take"] for take in finished["takes"]] == [0, 1] and "audio" not in finished["request"]
    assert str(gateway.home) not in json.dumps(finished)
    played = gateway.call("GET", finished["takes"][1]["audio"]["url"], key="")
    assert played.status == 200 and len(played.body) == finished["takes"][1]["audio"]["file_size"]
    assert gateway.call("GET", finished["source_url"]).body == wave_bytes(4.0)
    assert gateway.call("GET", "/studio/jobs?search=blip+nothing").json == {"jobs": [], "total": 0}


def test_a_take_is_made_again_by_its_recipe(gateway, finished, source):
    job = finished["job_id"]
    told = gateway.call("GET", f"/studio/jobs/{job}/recipe?take=1").json
    assert told["endpoint"] == f"{APP}/audio-inpaint" and told["input"]["audio_url"] == f"sha256:{source}"
    assert told["source_is_here"] and told["input"]["seed"] == finished["takes"][1]["seed"]
    fresh = gateway.call("GET", f"/studio/jobs/{job}/recipe?seed=new").json["input"]
    assert "seed" not in fresh and fresh["variations"] == 2
    gateway.finished(gateway.submit(told["input"], told["endpoint"]))
    made = gateway.call("GET", "/studio/jobs?search=blip").json["jobs"][0]["job_id"]
    again = gateway.call("GET", f"/studio/jobs/{made}").json["takes"][told["take"]]
    assert again["audio"]["sha256"] == finished["takes"][1]["audio"]["sha256"]


def test_the_folder_of_a_model_is_nobodys_to_know(gateway, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    with Client.connect(gateway.home) as client:
        job = client.submit({"task": "text-to-audio", "tags": "own", "duration": 0.5, "model": str(mine)})
        job.wait(HANG_SECONDS)
    for query in ("", "?take=0"):
        answer = gateway.call("GET", f"/studio/jobs/{job.job_id}/recipe{query}")
        assert str(tmp_path) not in answer.body.decode()
    assert gateway.call("GET", f"/studio/jobs/{job.job_id}/recipe").json["input"]["model"] == "mine"
    assert str(tmp_path) not in gateway.call("GET", f"/studio/jobs/{job.job_id}").body.decode()


def test_takes_are_kept_and_rejected_and_found_by_that(gateway, finished):
    job = finished["job_id"]
    for mark in ("rejected", "kept"):
        assert gateway.call("PUT", f"/studio/jobs/{job}/takes/1", {"mark": mark}).json == {"mark": mark}
    assert gateway.call("GET", "/studio/jobs?search=kept").json["jobs"][0]["marks"] == {"1": "kept"}
    assert gateway.call("PUT", f"/studio/jobs/{job}/takes/1", {"mark": "loved"}).status == 422
    assert gateway.call("PUT", f"/studio/jobs/{job}/takes/2", {"mark": "kept"}).status == 400


def test_a_take_is_saved_in_other_formats(gateway, finished):
    path = f"/studio/jobs/{finished['job_id']}/takes/0/audio"
    assert gateway.call("GET", f"{path}?format=flac").body[:4] == b"fLaC"
    answer = gateway.call("GET", f"{path}?format=mp3")
    assert answer.headers["content-type"] == "audio/mpeg" and answer.headers["content-disposition"].endswith('.mp3"')
    refused = gateway.call("GET", f"{path}?format=exe")
    assert refused.status == 422 and "wav, flac, mp3, ogg" in refused.json["detail"][0]["msg"]


def test_a_sound_has_its_facts_and_takes_hang_on_their_source(gateway, finished, source):
    facts = gateway.call("GET", f"/studio/audio/{source}").json
    assert facts["seconds"] == 4.0 and facts["sample_rate"] == 16000 and facts["loudness_lufs"] < 0
    tree = gateway.call("GET", f"/studio/tree/{finished['takes'][0]['audio']['sha256']}").json
    assert tree["sha256"] == source and finished["job_id"] in [job["job_id"] for job in tree["jobs"]]
    assert gateway.call("GET", f"/studio/audio/{'0' * 64}").status == 404


def test_a_source_that_a_path_names_is_heard_where_it_may_be(gateway, home):
    music, outside = home.parent / "music" / "mine.wav", home.parent / "outside.wav"
    for path in (music, outside):
        path.write_bytes(wave_bytes(3.0))
    wanted = {"task": "inpaint", "tags": "by path", "start_time": 0.5, "end_time": 1.0}
    with Client.connect(home) as client:
        jobs = [client.submit({**wanted, "audio": str(path)}).wait(HANG_SECONDS).job_id for path in (music, outside)]
    inside, out = (gateway.call("GET", f"/studio/jobs/{job}").json for job in jobs)
    assert inside["source_name"] == "mine.wav" and str(home.parent) not in json.dumps([inside, out])
    assert gateway.call("GET", inside["source_url"]).body == music.read_bytes()
    assert gateway.call("GET", inside["source_url"], key="").status == 401
    assert gateway.call("GET", f"{inside['source_url']}/facts").json["seconds"] == 3.0
    assert out["source_url"] is None and "--root" in out["source_problem"]
    assert gateway.call("GET", f"/studio/jobs/{jobs[1]}/source").status == 404
    music.write_bytes(wave_bytes(2.0))
    assert "changed" in gateway.call("GET", f"/studio/jobs/{jobs[0]}").json["source_problem"]
    music.write_bytes(wave_bytes(3.0))
    again = gateway.call("GET", f"/studio/jobs/{jobs[0]}/recipe?take=0").json
    music.unlink()  # the store has it from now on
    assert gateway.finished(gateway.submit(again["input"], again["endpoint"])).get("error") is None
    tree = gateway.call("GET", f"/studio/tree/{again['input']['audio_url'].removeprefix('sha256:')}").json
    assert len(tree["jobs"]) == 3  # of equal sources


def test_tasks_of_some_models_are_told_with_the_models(gateway):
    told = gateway.call("GET", "/studio/models").json
    nano = next(model for model in told["models"] if model["name"] == "nano")
    assert "inpaint" in nano["tasks"] and not {"lego", "extract", "complete"} & {*nano["tasks"], *told["default_tasks"]}
    assert {"lego", "extract", "complete"} <= set(models(None, str(TINY15 / "base"), True).default_tasks)
    assert models(None, "no such model", True).default_tasks == []


def test_presets_are_those_of_surfaces(gateway):
    assert gateway.call("PUT", "/studio/presets/warm", {"tags": "warm pads", "variance": 0.4}).status == 200
    saved = json.loads((gateway.home / "presets" / "warm.json").read_text())
    assert saved == {"tags": "warm pads", "variance": 0.4}
    assert gateway.call("GET", "/studio/presets/warm").json == {"values": saved}
    assert gateway.call("PUT", "/studio/presets/..%2fx", {}).status in (404, 422)
    assert gateway.call("GET", "/studio/presets/nobody").status == 422


def test_what_another_client_does_is_told_as_it_happens(gateway):
    request = urllib.request.Request(f"{gateway.url}/studio/events", headers={"Authorization": f"Key {gateway.key}"})
    with urllib.request.urlopen(request, timeout=HANG_SECONDS) as stream:
        seen: list[tuple[str, Any]] = []
        while not any(kind == "engine" for kind, _ in seen):
            seen += read_event(stream)
        assert seen[0] == ("daemon", {"up": True, "stopped": False})
        call = gateway.submit({"tags": "steps=2 other", "duration": 1})
        while not any(kind == "job" and told["state"] == "completed" for kind, told in seen):
            seen += read_event(stream)
    jobs = [told for kind, told in seen if kind == "job"]
    assert {job["request_id"] for job in jobs} == {call["request_id"]}
    assert [job["sequence"] for job in jobs] == sorted(job["sequence"] for job in jobs)


def read_event(stream: Any) -> list[tuple[str, Any]]:
    kind = ""
    for raw in stream:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data: "):
            return [(kind, json.loads(line[6:]))]
    raise AssertionError("the stream ended")


def test_a_page_that_listens_does_not_hold_the_gateway_up(gateway):
    request = urllib.request.Request(f"{gateway.url}/studio/events", headers={"Authorization": f"Key {gateway.key}"})
    port = gateway.port
    with urllib.request.urlopen(request, timeout=HANG_SECONDS) as stream:
        read_event(stream)
        gateway.stop()
        assert "daemon" not in stream.read().decode().splitlines()[-1:]
    assert "timeout" not in gateway.log() and "Traceback" not in gateway.log()
    gateway.start(port)


def test_models_are_loaded_by_name_only(gateway):
    assert "nano" in [entry["name"] for entry in gateway.call("GET", "/studio/models").json["models"]]
    assert gateway.call("POST", "/studio/models/load", {"model": "/etc"}).status == 422
    about = gateway.call("GET", "/studio/about").json
    assert about["memory"]["total_bytes"] > 0 and str(gateway.home) not in json.dumps(about)


def test_only_a_page_that_was_opened_here_learns_where_a_copy_lies(gateway, finished):
    """The key alone, which others may have, gives no path; the copy keeps its name and outlives the job's own file."""
    path = f"/studio/jobs/{finished['job_id']}/takes/1/copy"
    for other in ({}, {"x_here": "a" * 64}, {"x_here": gateway.key}):
        refused = gateway.call("PUT", path, **other)
        assert refused.status >= 400 and str(gateway.home) not in refused.body.decode()
    here = secrets_of(gateway.home / "gateway").here
    uris = [gateway.call("PUT", path, x_here=here).json["uri"] for _ in range(2)]
    made = Path(urllib.request.url2pathname(urlsplit(uris[0]).path))
    audio = finished["takes"][1]["audio"]
    assert uris[0] == uris[1] and made.name == audio["file_name"] and made.stat().st_nlink == 1
    assert hashlib.sha256(made.read_bytes()).hexdigest() == audio["sha256"]


def test_a_file_is_shown_by_each_systems_own_program():
    path = Path("/music/take.wav")
    shown = [command_that_shows(path, system) for system in ("darwin", "win32", "linux")]
    assert [words[0] for words in shown] == ["open", "explorer", "xdg-open"] and shown[2][1] == str(path.parent)


def test_the_opener_holds_the_key_in_a_private_file(tmp_path):
    path = write_opener(Running("http://127.0.0.1:1", "a&key", 1), tmp_path)
    assert path.stat().st_mode & 0o077 == 0 and "http://127.0.0.1:1/#key=a&amp;key" in path.read_text()
    assert secrets_of(tmp_path).here in path.read_text()


def test_who_asked_is_said_in_words():
    told = [{"app": "reaper"}, {"client": "osc"}, {"client": "studio", "http": {}}, {"http": {}}, {}, {"client": 3}]
    words = ["REAPER", "OSC", "this page", "HTTP", "command line or Python", "command line or Python"]
    assert [asked_by(data) for data in told] == words
