"""Calls over plain HTTP: one job a call whatever breaks, what is answered, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import sqlite3
import stat
import threading
import time
import urllib.parse
import urllib.request

import pytest

from tests.support.daemons import running
from tests.support.gateway import APP, GatewayProcess, gateway_running, wave_bytes
from tests.support.patience import HANG_SECONDS
from tests.support.renderers import NOISE

SLOW = {"tags": "steps=30 step_seconds=0.05", "duration": 1}


def jobs_of(home, tags: str) -> list:
    from bridge.client import Client

    with Client.connect(home) as client:
        return [job for job in client.jobs(limit=500).jobs if tags in str(job.client_data)]


def open_run(gateway: GatewayProcess, body: dict) -> socket.socket:
    """A run whose connection the test holds."""
    data = json.dumps(body).encode()
    head = f"POST /run/{APP} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Key {gateway.key}\r\n"
    line = socket.create_connection(("127.0.0.1", gateway.port))
    line.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
    return line


def until(condition, seconds: float = 20.0):
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit
        time.sleep(0.02)
    return found


def test_a_run_whose_line_broke_is_joined_by_its_repeat(gateway, home):
    body = {**SLOW, "client_data": {"mark": "joined"}}
    for _ in range(3):
        line = open_run(gateway, body)
        until(lambda: jobs_of(home, "joined"))
        line.close()
    made = gateway.call("POST", f"/run/{APP}", body)
    assert made.status == 200
    (job,) = jobs_of(home, "joined")
    assert job.state == "completed" and job.client_data["http"]["request_id"] == made.headers["x-fal-request-id"]


def test_equal_calls_that_both_wait_are_two_takes(gateway, home):
    body = {"tags": "x", "duration": 1, "client_data": {"mark": "twice"}}
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(gateway.call("POST", f"/run/{APP}", body))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer.json["seed"] for answer in answers}) == 2 and len(jobs_of(home, "twice")) == 2


def test_a_key_of_the_callers_own_makes_a_call_one(gateway, home):
    body = {"tags": "x", "duration": 1, "request_id": "mine", "client_data": {"mark": "own-key"}}
    first, second = gateway.submit(body), gateway.submit(body)
    assert first["request_id"] == second["request_id"] and len(jobs_of(home, "own-key")) == 1
    other = gateway.call("POST", f"/queue/{APP}", {**body, "tags": "y"})
    assert other.status == 422 and other.json["detail"][0]["loc"] == ["body", "request_id"]


def test_calls_uploads_and_files_outlive_gateway_and_daemon(tmp_path):
    """kill -9 of the gateway in the middle of a run: the repeat gets the same job; the daemon is started again too."""
    home = tmp_path / "home"
    with running(home, renderer=NOISE) as daemon, gateway_running(home) as gateway:
        upload = gateway.call("POST", "/rest/storage/upload/initiate", {"content_type": "audio/wav", "file_name": "a"})
        done = gateway.submit({"tags": "x", "duration": 1})
        gateway.finished(done)
        made = gateway.call("GET", done["response_url"]).json
        body = {**SLOW, "client_data": {"mark": "killed"}}
        line = open_run(gateway, body)
        until(lambda: jobs_of(home, "killed"))
        port = gateway.port
        gateway.stop(kill=True)
        line.close()
        daemon.stop()
        daemon.start()
        gateway.start(port)
        assert gateway.call("PUT", upload.json["upload_url"], wave_bytes(), key="").status == 200
        assert gateway.call("GET", upload.json["file_url"], key="").body == wave_bytes()
        assert gateway.call("PUT", upload.json["upload_url"], wave_bytes()[:-2], key="").status == 404
        assert gateway.call("GET", done["response_url"]).json["audio"] == made["audio"]
        assert gateway.call("GET", made["audio"]["url"], key="").status == 200
        assert gateway.call("POST", f"/run/{APP}", body).status == 200
        (job,) = jobs_of(home, "killed")
        assert job.state == "completed"


def test_a_run_that_nobody_repeats_is_cancelled(tmp_path):
    """In a gateway that waits for a repeat for a tenth of a second."""
    from bridge.gateway.gateway_settings import GatewaySettings
    from bridge.gateway.serving import serve

    home, ready, told = tmp_path / "home", threading.Event(), []

    def tell(running_gateway) -> None:
        told.append(running_gateway)
        ready.set()

    async def work() -> None:
        settings = GatewaySettings(home=home, port=0, join_seconds=0.1)
        task = asyncio.ensure_future(serve(settings, (), tell))
        while not stop.is_set():
            await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stop = threading.Event()
    with running(home, renderer=NOISE):
        thread = threading.Thread(target=lambda: asyncio.run(work()))
        thread.start()
        try:
            assert ready.wait(HANG_SECONDS)
            gateway = GatewayProcess(home)
            gateway.url, gateway.key = told[0].url, told[0].key
            line = open_run(gateway, {"tags": "hang", "duration": 1, "client_data": {"mark": "left"}})
            until(lambda: jobs_of(home, "left"))
            line.close()
            until(lambda: jobs_of(home, "left")[0].state == "cancelled")
        finally:
            stop.set()
            thread.join(HANG_SECONDS)
    assert not (home / "gateway" / "running.json").exists()


def test_the_status_is_told_in_the_public_words(gateway):
    first = gateway.submit({"tags": "steps=40 step_seconds=0.05", "duration": 1})
    second = gateway.submit({"tags": "behind", "duration": 1})
    waiting = gateway.call("GET", f"/queue/{APP}/audio-inpaint/requests/{second['request_id']}/status/")
    assert waiting.status == 202 and waiting.json["status"] == "IN_QUEUE" and waiting.json["queue_position"] == 0
    assert gateway.call("GET", second["response_url"]).status == 400
    until(lambda: gateway.call("GET", first["status_url"]).json["status"] == "IN_PROGRESS")
    assert gateway.call("GET", first["status_url"]).json["logs"] is None
    full = gateway.call("POST", f"/queue/{APP}?fal_max_queue_length=1", {"tags": "x"})
    assert full.status == 429
    assert gateway.call("PUT", first["cancel_url"]).json == {"status": "CANCELLATION_REQUESTED"}
    assert gateway.finished(second)["metrics"]["inference_time"] > 0
    assert gateway.call("GET", second["response_url"] + "/response").json["tags"] == "behind"


def test_polls_are_answered_from_what_the_daemon_told_of_changes(gateway, home):
    """However many polls come, the daemon is asked once a change and once a second."""
    from bridge.client import Client

    call, began = gateway.submit(SLOW), time.monotonic()
    with Client.connect(home) as client:
        before = client.metrics().messages_received
        for _ in range(120):
            assert gateway.call("GET", call["status_url"]).status in (200, 202)
        asked = client.metrics().messages_received - before
    assert asked <= 45 + 2 * (time.monotonic() - began)  # 30 steps, and what else happens to a job


def test_a_stream_of_the_status_is_ascii_and_ends(gateway):
    call = gateway.submit({"tags": "steps=3 \u00e9\u65e5", "duration": 1})
    answer = gateway.call("GET", call["status_url"] + "/stream?logs=1")
    assert answer.headers["content-type"].startswith("text/event-stream") and answer.body.isascii()
    events = [json.loads(part[6:]) for part in answer.body.decode().split("\n\n") if part.startswith("data: ")]
    assert events[-1]["status"] == "COMPLETED"
    lines = [line["message"] for event in events for line in event["logs"] or []]
    assert lines.count("queued") == 1


def test_a_failed_job_is_told_with_its_status(gateway):
    call = gateway.submit({"tags": "fail", "duration": 1})
    done = gateway.finished(call)
    assert done["error_type"] == "internal_server_error" and "9 GB" in done["error"]
    result = gateway.call("GET", call["response_url"])
    assert result.status == 500 and result.json["detail"][0]["type"] == "internal_server_error"


@pytest.mark.parametrize(
    ("endpoint", "body", "loc", "kind"),
    [
        ("", {"tags": "x", "number_of_steps": 0}, "number_of_steps", "greater_than_equal"),
        ("", {"tags": "x", "guidance_interval": 1.5}, "guidance_interval", "less_than_equal"),
        ("", {"tags": "x", "scheduler": "dpm"}, "scheduler", "one_of"),
        ("", {"tags": 5}, "tags", "string_type"),
        ("", {}, "tags", "missing"),
        ("", {"tags": " ,"}, "tags", "sequence_too_short"),
        ("", {"tags": "x", "number_of_step": 5}, "number_of_step", "extra_forbidden"),
        ("", {"tags": "x", "model": "no-such"}, "model", "value_error"),
        ("", {"tags": "x", "model": "/etc"}, "model", "value_error"),
        ("", {"tags": "x", "model": "~nobody here"}, "model", "value_error"),
        ("", {"tags": "x", "model": "m" * 5000}, "model", "value_error"),
        ("", {"tags": "x", "lora": ["/etc/passwd"]}, "lora", "value_error"),
        ("", {"tags": "x", "lora": ["~nobody here/x"]}, "lora", "value_error"),
        ("", {"tags": "x", "lora": ["/a\0b"]}, "lora", "value_error"),
        ("", {"tags": "x", "lora": ["l" * 5000]}, "lora", "value_error"),
        ("/audio-inpaint", {"tags": "x", "audio_url": "~nobody here"}, "audio_url", "unsupported_audio_format"),
        ("/audio-inpaint", {"tags": "x", "audio_url": "/a" * 3000}, "audio_url", "file_download_error"),
        ("/prompt-to-audio", {"prompt": ""}, "prompt", "sequence_too_short"),
        ("/audio-inpaint", {"tags": "x", "audio_url": "/etc/passwd"}, "audio_url", "file_download_error"),
        ("/audio-inpaint", {"tags": "x", "audio_url": "https://127.0.0.1/a.wav"}, "audio_url", "file_download_error"),
        ("/audio-inpaint", {"tags": "x", "audio_url": "data:a;base64,AAAA"}, "audio_url", "unsupported_audio_format"),
        ("/audio-inpaint", {"tags": "x", "audio_url": "buffer:0"}, "audio_url", "unsupported_audio_format"),
        ("", {"tags": "x", "reference_audio_url": "/etc/passwd"}, "reference_audio_url", "file_download_error"),
        ("/audio-inpaint", {"tags": "x", "audio_url": "data:WAVE", "start_time": 3}, "start_time", "value_error"),
    ],
)
def test_what_cannot_be_used_is_named(gateway, endpoint, body, loc, kind):
    if body.get("audio_url") == "data:WAVE":
        body["audio_url"] = "data:audio/wav;base64," + base64.b64encode(wave_bytes()).decode()
    answer = gateway.call("POST", f"/queue/{APP}{endpoint}", body)
    assert answer.status == 422, answer.body
    (entry,) = answer.json["detail"]
    assert (entry["loc"], entry["type"]) == (["body", loc], kind)
    assert str(gateway.home) not in answer.body.decode()


def test_numbers_as_text_and_null_are_taken_as_the_public_api_takes_them(gateway):
    body = {"tags": "x", "duration": "1.0", "seed": 7.0, "lyrics": None, "granularity_scale": 10}
    made = gateway.call("POST", f"/run/{APP}/text-to-audio", body)
    assert made.status == 200 and made.json["seed"] == 7


def test_no_answer_names_a_path(gateway):
    call = gateway.submit({"tags": "x", "duration": 1})
    status = gateway.finished(call)
    told = json.dumps([status, gateway.call("GET", call["response_url"]).json])
    assert str(gateway.home) not in told and "/home/" not in told and "/tmp/" not in told


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"tags": NaN}', b"\xff\xfe", b"[" * 100_000, b'"text"'])
def test_what_is_no_object_is_refused(gateway, body):
    assert gateway.call("POST", f"/run/{APP}", body).status == 422


def test_the_key_is_private_and_always_wanted(gateway):
    assert stat.S_IMODE((gateway.home / "gateway" / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE((gateway.home / "gateway" / "running.json").stat().st_mode) == 0o600
    for path in (f"/queue/{APP}/requests/x/status", "/rest/storage/auth/token", "/cdn/files/upload", "/nothing"):
        assert gateway.call("GET", path, key="").status == 401
    assert gateway.call("GET", f"/queue/{APP}/requests/x/status", key="wrong").status == 401


def test_other_names_of_this_machine_are_refused(gateway):
    assert gateway.call("GET", "/openapi.json", Host="rebound.example").status == 403
    assert gateway.call("GET", "/openapi.json", Host="localhost:1").status == 200


def test_listed_pages_may_call_and_others_may_not(gateway):
    asked = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization,x-fal-a,x-b"}
    answer = gateway.call("OPTIONS", f"/run/{APP}", key="", Origin="http://page.example", **asked)
    assert answer.status == 204 and answer.headers["Access-Control-Allow-Origin"] == "http://page.example"
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, x-fal-a"
    assert gateway.call("OPTIONS", f"/run/{APP}", key="", Origin="http://evil.example", **asked).status == 403
    other = gateway.call("GET", "/openapi.json", Origin="http://evil.example")
    assert other.headers["Access-Control-Allow-Origin"] is None
    refused = gateway.call("POST", f"/run/{APP}", {}, Origin="http://page.example")
    assert refused.status == 422 and refused.headers["Access-Control-Allow-Origin"] == "http://page.example"


def test_the_proxy_leads_nowhere_else(gateway):
    answer = gateway.call("POST", "/api/fal/proxy", {}, x_fal_target_url="http://169.254.169.254/latest")
    assert answer.status == 400
    answer = gateway.call("POST", "/api/fal/proxy", {}, key="", x_fal_target_url="https://fal.run/fal-ai/ace-step")
    assert answer.status == 401


def test_sizes_are_checked_before_a_body_is_read(gateway):
    line = socket.create_connection(("127.0.0.1", gateway.port))
    head = f"POST /run/{APP} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Key {gateway.key}\r\n"
    line.sendall(f"{head}Content-Length: 999999999999\r\n\r\n".encode())
    line.settimeout(HANG_SECONDS)
    assert b" 413 " in line.recv(4000)
    line.close()


def test_a_page_that_was_uploaded_does_nothing(gateway):
    """What is uploaded as HTML is a download without a script, never a page of the gateway's own."""
    told = gateway.call(
        "POST", "/rest/storage/upload/initiate", {"content_type": "text/html", "file_name": "x.html"}
    ).json
    gateway.call("PUT", told["upload_url"], b"<script>alert(1)</script>", key="")
    got = gateway.call("GET", told["file_url"], key="")
    assert (
        got.headers["content-type"] == "application/octet-stream"
        and "sandbox" in got.headers["content-security-policy"]
    )
    assert got.headers["content-disposition"].startswith("attachment")


def test_a_second_gateway_is_told_of_the_first(gateway):
    second = GatewayProcess(gateway.home)
    with pytest.raises(AssertionError, match="A gateway runs already at http"):
        second.start()
    second.process.wait()
    second.process.stdout.close()


def test_beyond_this_machine_only_with_tls(home):
    alone = GatewayProcess(home, "--host", "0.0.0.0")
    with pytest.raises(AssertionError, match="without --tls"):
        alone.start()
    assert alone.process.wait() == 2
    alone.process.stdout.close()


def test_the_public_address_of_a_file_cannot_be_guessed(gateway):
    call = gateway.submit({"tags": "x", "duration": 1})
    gateway.finished(call)
    url = gateway.call("GET", call["response_url"]).json["audio"]["url"]
    token = urllib.parse.urlsplit(url).path.split("/")[2]
    assert len(token) >= 32 and gateway.call("GET", f"/files/{token[::-1]}x/noise.wav", key="").status == 404


def test_an_upload_in_parts_is_completed_once_however_often_it_is_said(gateway):
    """In Python's way, with parts told in the order in which they were complete; the last call is sent twice."""
    token = gateway.call("POST", "/rest/storage/auth/token", {}).json
    headers = {"Authorization": f"Bearer {token['token']}", "X_Fal_File_Name": "a.wav"}
    begun = gateway.call("POST", f"{token['base_url']}/files/upload/multipart", b"", key="", **headers).json
    address, whole = f"{begun['access_url']}/multipart/{begun['uploadId']}", wave_bytes()
    parts = []
    for number, data in ((2, whole[20000:]), (1, b"wrong"), (1, whole[:20000])):
        answer = gateway.call("PUT", f"{address}/{number}", data, key="")
        parts.append({"partNumber": number, "etag": answer.headers["ETag"]})
    missing = gateway.call("POST", f"{address}/complete", {"parts": [{"partNumber": 3, "etag": "x"}]}, key="")
    assert missing.status == 422
    for _ in range(2):
        assert gateway.call("POST", f"{address}/complete", {"parts": parts}, key="").status == 200
    assert gateway.call("GET", begun["access_url"], key="").body == whole
    assert gateway.call("PUT", f"{address}/1", b"later", key="").status == 404


def test_uploads_have_a_quota(tmp_path):
    from bridge.gateway.gateway_settings import GatewaySettings
    from bridge.gateway.hosting import Hosting, TooLarge
    from bridge.gateway.ledger import Ledger

    settings = GatewaySettings(home=tmp_path, max_upload_bytes=100, quota_bytes=150)
    settings.folder.mkdir()
    ledger = Ledger(settings.folder / "ledger.sqlite3")
    hosting = Hosting(settings, ledger)
    hosting.prepare()

    async def chunks(data: bytes):
        for at in range(0, len(data), 10):
            yield data[at : at + 10]

    async def send(data: bytes) -> None:
        await hosting.take_in(hosting.announce("audio/wav", "a.wav"), chunks(data))

    asyncio.run(send(b"a" * 90))
    asyncio.run(send(b"b" * 60))
    for data in (b"c" * 101, b"d"):
        with pytest.raises(TooLarge):
            asyncio.run(send(data))
    assert not list(hosting.store.making.iterdir())
    ledger.close()


def test_a_damaged_record_of_a_call_holds_up_no_other_and_a_held_file_is_said(tmp_path):
    from bridge.gateway.ledger import Ledger, MarkRow
    from bridge.protocol.errors import StoreUnavailable

    ledger = Ledger(tmp_path / "ledger.sqlite3")
    ledger.keep(MarkRow(job_id="a", take=0, mark="kept"))
    ledger.keep(MarkRow(job_id="a", take=1, mark="kept"))
    other = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
    other.execute("UPDATE marks SET mark = x'00ff' WHERE take = 0")
    assert ledger.marks("a") == {1: "kept"}
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="Another program holds the file of calls"):
        ledger.keep(MarkRow(job_id="a", take=1, mark=""))
    other.close()
    ledger.close()
