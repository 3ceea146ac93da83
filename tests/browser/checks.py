"""What the page can do, one function a thing, in the order in which a user meets it; each goes on from the last."""

from __future__ import annotations

import base64
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from bridge.gateway.secret_files import secrets_of
from engine.audio.metadata import read_recipe
from tests.browser.for_everybody import accessible_in_light_and_dark, keyboard_alone, phone_width
from tests.browser.gone_and_back import daemon_ended_and_started, daemon_killed_and_back, gateway_gone_and_back
from tests.browser.stage import TEMPO, Stage
from tests.support.paths import TINY15

SWITCHED = """
async () => {
  const { Player } = await import("/assets/player.js");
  const rate = 48000;
  const offline = new OfflineAudioContext(1, rate, rate);
  const player = new Player(offline);
  const times = Float32Array.from({ length: rate }, (_, i) => 0.5 * Math.sin((2 * Math.PI * 100 * i) / rate));
  for (const name of ["a", "b"]) {
    const buffer = offline.createBuffer(1, rate, rate);
    buffer.copyToChannel(times, 0);
    player.add(name, buffer);
  }
  offline.resume = async () => {};
  player.play();
  offline.suspend(0.5).then(() => { player.choose("b"); OfflineAudioContext.prototype.resume.call(offline); });
  const made = (await offline.startRendering()).getChannelData(0);
  let most = 0;
  const begun = Math.round(0.02 * rate);
  for (let i = Math.round(0.1 * rate); i < Math.round(0.9 * rate); i++) {
    most = Math.max(most, Math.abs(made[i] - times[i - begun]));
  }
  return most;
}
"""


DRAGGED = """() => {
  const dataTransfer = new DataTransfer();
  document.querySelector("#drag-out").dispatchEvent(new DragEvent("dragstart", { dataTransfer }));
  return ["DownloadURL", "text/uri-list", "text/plain"].map((kind) => dataTransfer.getData(kind));
}"""


def key_stays_out_of_addresses(stage: Stage) -> None:
    stage.open()
    assert stage.gateway.key not in stage.page.url, stage.page.url
    assert not any(stage.gateway.key in url for url in stage.requests)


def drop_a_file(stage: Stage) -> None:
    stage.page.check("#task-inpaint", force=True)
    data = base64.b64encode(stage.song.read_bytes()).decode()
    transfer = stage.page.evaluate_handle(
        """data => {
          const made = new DataTransfer();
          const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
          made.items.add(new File([bytes], "song.wav", { type: "audio/wav" }));
          return made;
        }""",
        data,
    )
    stage.page.dispatch_event("#drop", "dragover", {"dataTransfer": transfer})
    stage.page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    stage.wait_until("document.querySelector('#source-name').textContent.startsWith('song.wav: 12')")
    assert f"{TEMPO:.1f} bpm" in stage.page.inner_text("#beat")


def drag_a_region_onto_beats(stage: Stage) -> None:
    box = place_of_the_waveform(stage)
    y = box["y"] + box["height"] / 3
    drag(stage, box["x"] + box["width"] * 0.04, box["x"] + box["width"] * 0.172, y)
    start, end = stage.value("#region-start"), stage.value("#region-end")
    assert abs(start - 0.5) < 0.06 and abs(end - 2.0) < 0.06, (start, end)


def place_of_the_waveform(stage: Stage) -> dict[str, float]:
    """Where it lies when it is drawn, in view, and nothing scrolls any more."""
    stage.page.locator("#source-wave").scroll_into_view_if_needed()
    before: dict[str, float] = {}
    while (now := stage.page.locator("#source-wave").bounding_box()) != before:
        before = now
        stage.page.wait_for_timeout(300)
    return before


def drag(stage: Stage, start: float, end: float, y: float) -> None:
    stage.page.mouse.move(start, y)
    stage.page.mouse.down()
    stage.page.mouse.move((start + end) / 2, y, steps=5)
    stage.page.mouse.move(end, y, steps=5)
    stage.page.mouse.up()


def regenerate_two_takes(stage: Stage) -> None:
    stage.fill(tags="house, 120 bpm, drums", variations=2, number_of_steps=3)
    stage.render()
    assert stage.page.locator("#versions input").count() == 3
    assert stage.page.locator("#seam li").count() >= 2
    assert stage.page.locator("#joints canvas").count() == 2


def switch_versions_at_the_same_position(stage: Stage) -> None:
    stage.page.focus("#listen-title")
    stage.page.keyboard.press("Space")
    stage.wait_until("document.querySelector('#play').textContent === 'Pause'")
    stage.page.wait_for_timeout(400)
    seen = [stage.position()]
    for key in ("1", "2", "3", "b", "b"):
        stage.page.keyboard.press(key)
        seen.append(stage.position())
    assert seen[0] > 0.1 and seen == sorted(seen), seen
    assert stage.page.evaluate(SWITCHED) < 1e-3, "a switch is heard"


def loop_a_region_and_match_levels(stage: Stage) -> None:
    stage.page.select_option("#loop", "region")
    stage.page.check("#level")
    stage.page.wait_for_timeout(2200)
    assert 0.45 <= stage.position() <= 2.1, stage.position()
    stage.page.keyboard.press("Escape")
    stage.page.click("#play")
    stage.page.check("#spectrogram")
    stage.wait_until("document.querySelector('#listen-spectrogram').clientHeight > 100")
    stage.page.uncheck("#spectrogram")


def keep_a_take(stage: Stage) -> None:
    stage.page.focus("#listen-title")
    stage.page.keyboard.press("3")
    stage.page.keyboard.press("k")
    stage.page.wait_for_selector("#keep[aria-pressed=true]")
    stage.go_to("jobs")
    stage.page.fill("#search", "kept")
    stage.wait_until("document.querySelector('#job-count').textContent === '1 job'")
    assert "take 2 kept" in stage.page.inner_text("#job-list")
    stage.page.fill("#search", "")
    stage.page.wait_for_selector(".job-name")
    stage.go_to("make")


def save_a_take(stage: Stage) -> None:
    for format, start in (("flac", b"fLaC"), ("wav", b"RIFF")):
        with stage.page.expect_download() as waiting:
            stage.page.click(f"[data-save={format}]")
        path = Path(waiting.value.path())
        assert path.read_bytes()[:4] == start
        named = path.rename(stage.folder / f"saved.{format}")
        made = read_recipe(named)
        assert made is not None and made["request"]["tags"] == "house, 120 bpm, drums"


def drag_a_take_out(stage: Stage) -> None:
    """What the drag holds for a DAW or a folder: a file by its name, and an address that needs no key.

    Where a copy lies only in a page that this machine's user has opened. `python -m tests.browser drop` drops it, too.
    """
    told = stage.page.evaluate(DRAGGED)
    kind, name, url = told[0].split(":", 2)
    link = stage.page.locator("#drag-out")
    assert kind == "audio/wav" and name.endswith(".wav") and told[1] == url == link.get_attribute("href")
    assert told[2] == url and stage.page.locator("#show-file").is_hidden()
    assert link.get_attribute("download") == name
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.read(4) == b"RIFF"


def drag_a_take_out_of_a_page_opened_here(stage: Stage) -> None:
    stage.page.goto("about:blank")
    stage.page.goto(f"{stage.gateway.url}/#key={stage.gateway.key}&here={secrets_of(stage.home / 'gateway').here}")
    stage.page.wait_for_selector("#tasks input")
    stage.go_to("jobs")
    stage.page.fill("#search", "kept")
    stage.wait_until("document.querySelector('#job-count').textContent === '1 job'")
    stage.page.click(".job-name")
    stage.page.click("#detail >> text=Listen")
    stage.page.wait_for_selector("#show-file:not([hidden])")
    stage.page.hover("#drag-out")
    stage.wait_until(f"({DRAGGED})()[2].startsWith('file:')")
    copy = Path(url2pathname(urlsplit(stage.page.evaluate(DRAGGED)[2]).path))
    assert copy.read_bytes()[:4] == b"RIFF" and copy.is_relative_to(stage.home / "dragged")
    stage.page.evaluate("sessionStorage.removeItem('acestep-bridge here')")
    stage.open()


def another_clients_source_is_heard(stage: Stage) -> None:
    """A job whose source was named by its path: heard where the gateway may read it, else it is said."""
    outside = stage.folder / "outside.wav"
    outside.write_bytes(stage.song.read_bytes()[:-4])
    wanted = {"task": "inpaint", "tags": "drums, by path", "start_time": 1.0, "end_time": 2.0, "number_of_steps": 2}
    stage.go_to("jobs")
    with stage.client() as client:
        inside, out = (client.submit({**wanted, "audio": str(path)}) for path in (stage.music / "song.wav", outside))
        out.wait(120)
    for job in (out, inside):
        stage.page.click(f"#job-{job.job_id}.completed .job-name")
        stage.page.get_by_role("button", name="Listen").click()
        stage.wait_until("id => document.querySelector('#listen').dataset.job === id", job.job_id)
        before = stage.page.locator("#versions input[value=Before]").count()
        assert before == (1 if job is inside else 0), job
        assert ("--root" in stage.page.inner_text("#listen-words")) == (job is out)
        stage.go_to("jobs")
    stage.go_to("make")


def instruments_of_models_that_can(stage: Stage) -> None:
    """Tasks that only some models are trained for are there while such a model is: here a tiny one of ACE-Step 1.5."""
    assert stage.page.locator("#task-lego").count() == 0
    stage.daemon_with(str(TINY15 / "base"))
    for task, more in (("lego", "Take 1 with the source"), ("extract", "Take 1"), ("complete", "Take 1")):
        stage.page.wait_for_selector(f"#task-{task}", state="attached")
        stage.take_song(task)
        stage.page.click("#clear")
        if task == "complete":
            stage.page.check("#field-tracks-bass")
            stage.page.check("#field-tracks-drums")
        else:
            stage.page.select_option("#field-track", "bass")
        stage.fill(tags="house", number_of_steps=2)
        stage.render()
        assert stage.page.locator(f"#versions input[value='{more}']").count() == 1
    stage.go_to("jobs")
    assert "bass, drums" in stage.page.inner_text("#job-list li:first-child")
    stage.go_to("make")
    stage.page.check("#task-inpaint", force=True)
    stage.daemon_with("nano")
    stage.page.wait_for_selector("#task-lego", state="detached")


def cancel_a_job(stage: Stage) -> None:
    stage.fill(variations=4, number_of_steps=200)
    stage.page.click("#go")
    stage.wait_until("/step \\d+ of/.test(document.querySelector('#running .stage')?.textContent ?? '')")
    words = stage.page.inner_text("#running .stage")
    assert "denoise" in words or "encode" in words, words
    began = time.perf_counter()
    stage.page.click("#running .cancel")
    stage.wait_until("!document.querySelector('#running .cancel')")
    stage.told["cancel, s"] = time.perf_counter() - began
    stage.go_to("jobs")
    assert "cancelled" in stage.page.inner_text("#job-list li:first-child")


def another_client_appears_within_half_a_second(stage: Stage) -> None:
    stage.go_to("jobs")
    request = {"task": "text-to-audio", "tags": "ambient, elsewhere", "duration": 2.0, "number_of_steps": 2}
    with stage.client() as client:
        began = time.perf_counter()
        job = client.submit(request)
        stage.page.wait_for_selector(f"#job-{job.job_id}")
        stage.told["another client's job, s"] = time.perf_counter() - began
        job.wait(60)
    stage.page.wait_for_selector(f"#job-{job.job_id}.completed")
    assert "from command line or Python" in stage.page.inner_text(f"#job-{job.job_id}")
    assert stage.told["another client's job, s"] < 0.5 or not stage.is_timed


def look_at_a_job(stage: Stage) -> None:
    stage.page.locator(".job.completed .job-name", has_text="house").first.click()
    stage.page.get_by_text("Log", exact=True).click()
    stage.wait_until("document.querySelector('#log').textContent.includes('queued')")
    stage.page.get_by_role("button", name="Tree of takes").click()
    stage.page.wait_for_selector("#tree li li")
    stage.page.get_by_role("button", name="Listen").click()
    stage.wait_until("document.activeElement.id === 'listen-title'")


def again_and_change(stage: Stage) -> None:
    stage.go_to("jobs")
    stage.page.locator(".job.completed .job-name", has_text="ambient").first.click()
    before = stage.page.locator(".job.completed").count()
    stage.page.get_by_role("button", name="Again with a new seed").click()
    stage.wait_until("before => document.querySelectorAll('.job.completed').length > before", before)
    stage.go_to("jobs")
    stage.page.locator(".job.completed .job-name", has_text="house").first.click()
    stage.page.get_by_role("button", name="Change and again").click()
    stage.page.wait_for_selector("#view-make:not([hidden])")
    stage.wait_until("document.querySelector('#field-tags').value === 'house, 120 bpm, drums'")
    assert abs(stage.value("#region-start") - 0.5) < 0.06


def extend_by_dragging_an_edge(stage: Stage) -> None:
    stage.take_song("outpaint")
    box = place_of_the_waveform(stage)
    a_second = box["width"] / 72  # 30 s of room on each side of 12
    stage.page.fill("#extend-after", "1")
    stage.page.keyboard.press("Tab")
    box = place_of_the_waveform(stage)
    y = box["y"] + box["height"] / 3
    drag(stage, box["x"] + 43 * a_second - 2, box["x"] + 45 * a_second, y)
    assert 2.0 < stage.value("#extend-after") < 4.0, stage.value("#extend-after")
    stage.fill(tags="house, 120 bpm", number_of_steps=2)
    stage.render()
    assert stage.page.evaluate("document.querySelector('#listen-wave').getAttribute('aria-label')").endswith("seconds")


def other_tasks(stage: Stage) -> None:
    for task, values in (
        ("text-to-audio", {"tags": "ambient, pad", "duration": 2}),
        ("prompt-to-audio", {"prompt": "a calm pad", "duration": 2}),
        ("retake", {"tags": "ambient, pad", "duration": 2, "seed": 3}),
        ("audio-to-audio", {"tags": "jazz", "original_tags": "house"}),
    ):
        stage.page.check(f"#task-{task}", force=True)
        if task == "audio-to-audio":
            stage.take_song(task)
        stage.page.click("#clear")
        stage.fill(**values, number_of_steps=2)
        stage.render()


def problems_stand_at_their_fields(stage: Stage) -> None:
    stage.forgiven = True
    stage.page.check("#task-text-to-audio", force=True)
    stage.page.click("#clear")
    stage.fill(tags="pad", duration=99999)
    stage.page.click("#go")
    stage.page.wait_for_selector("#field-duration[aria-invalid=true]")
    assert "expected" in stage.page.inner_text("#field-duration-problem")
    assert stage.page.evaluate("document.activeElement.id") == "field-duration"
    stage.page.click("#clear")
    stage.forgiven = False


def presets_are_shared(stage: Stage) -> None:
    stage.fill(tags="warm, tape", duration=3)
    stage.page.once("dialog", lambda dialog: dialog.accept("warm tape"))
    stage.page.click("#preset-save")
    stage.wait_until("document.querySelector('#preset').value === 'warm tape'")
    assert (stage.home / "presets" / "warm tape.json").is_file()
    stage.page.click("#clear")
    stage.page.select_option("#preset", "")
    stage.page.select_option("#preset", "warm tape")
    stage.wait_until("document.querySelector('#field-tags').value === 'warm, tape'")


def nothing_left_the_origin_and_nothing_was_complained_of(stage: Stage) -> None:
    own = (stage.gateway.url, "blob:", "data:", "about:")
    assert [url for url in stage.requests if not url.startswith(own)] == []
    assert stage.complaints == []


Check = Callable[[Stage], None]
FULL: tuple[Check, ...] = (
    key_stays_out_of_addresses,
    drop_a_file,
    drag_a_region_onto_beats,
    regenerate_two_takes,
    switch_versions_at_the_same_position,
    loop_a_region_and_match_levels,
    keep_a_take,
    save_a_take,
    drag_a_take_out,
    another_clients_source_is_heard,
    cancel_a_job,
    another_client_appears_within_half_a_second,
    look_at_a_job,
    again_and_change,
    extend_by_dragging_an_edge,
    other_tasks,
    problems_stand_at_their_fields,
    presets_are_shared,
    keyboard_alone,
    phone_width,
    accessible_in_light_and_dark,
    drag_a_take_out_of_a_page_opened_here,
    daemon_killed_and_back,
    daemon_ended_and_started,
    instruments_of_models_that_can,
    gateway_gone_and_back,
    nothing_left_the_origin_and_nothing_was_complained_of,
)
SHORT = tuple(
    check
    for check in FULL
    if check
    not in (
        other_tasks,
        again_and_change,
        another_clients_source_is_heard,
        instruments_of_models_that_can,
        gateway_gone_and_back,
        daemon_ended_and_started,
    )
)
