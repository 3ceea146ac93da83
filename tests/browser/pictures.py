"""Pictures of the page for README and docs: nano's music, a region regenerated, its joints, the jobs, on a phone."""

from __future__ import annotations

from pathlib import Path

from tests.browser.stage import Stage, stage
from tests.support.paths import DOCS

LARGEST_BYTES = 150_000
WIDTH = 1080


def take_all() -> int:
    """Write them; 1 where one is larger than it may be."""
    with stage({"width": WIDTH, "height": 900}) as made:
        made.open()
        make_music(made)
        regenerate(made)
        paths = [make_view(made), listen_view(made), jobs_view(made), phone_view(made)]
    for path in paths:
        fewer_colours(path)
        print(f"{path.relative_to(DOCS.parent)}: {path.stat().st_size / 1000:.0f} kB")
    return int(any(path.stat().st_size > LARGEST_BYTES for path in paths))


def fewer_colours(path: Path) -> None:
    """The same picture in 64 colours, a third of the bytes."""
    from PIL import Image

    with Image.open(path) as image:
        image.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def make_music(made: Stage) -> None:
    made.page.check("#task-text-to-audio", force=True)
    made.fill(tags="house, 124 bpm, drums, bass, pad", duration=16, seed=7, tempo=124)
    made.render()
    made.page.click("#as-source")
    made.page.wait_for_selector("#source-work", state="attached")


def regenerate(made: Stage) -> None:
    made.page.click("#clear")
    made.page.check("#task-inpaint", force=True)
    made.fill(tags="house, 124 bpm, drums, piano", variations=2, tempo=124)
    made.page.fill("#region-start", "3.9")
    made.page.fill("#region-end", "7.8")
    made.page.keyboard.press("Tab")
    made.render()
    made.page.keyboard.press("k")
    made.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = false")


def make_view(made: Stage) -> Path:
    made.page.evaluate("scrollTo(0, 0)")
    made.page.wait_for_timeout(500)
    return picture(made, "studio-make", {"x": 0, "y": 0, "width": WIDTH, "height": 780})


def listen_view(made: Stage) -> Path:
    made.page.check("#spectrogram")
    made.page.wait_for_timeout(1000)
    path = DOCS / "img" / "studio-listen.png"
    made.page.locator("#listen").screenshot(path=path)
    made.page.uncheck("#spectrogram")
    return path


def jobs_view(made: Stage) -> Path:
    with made.client() as client:
        client.submit({"task": "text-to-audio", "tags": "ambient, 80 bpm, pad", "duration": 4.0}).wait(120)
    made.go_to("jobs")
    made.page.locator(".job.completed .job-name", has_text="piano").first.click()
    made.page.get_by_role("button", name="Tree of takes").click()
    made.page.wait_for_selector("#tree li li")
    return picture(made, "studio-jobs", {"x": 0, "y": 0, "width": WIDTH, "height": 700})


def phone_view(made: Stage) -> Path:
    made.page.set_viewport_size({"width": 390, "height": 800})
    made.page.emulate_media(color_scheme="dark")
    made.go_to("make")
    made.page.evaluate("document.querySelector('#listen').scrollIntoView()")
    made.page.wait_for_timeout(800)
    return picture(made, "studio-phone", None)


def picture(made: Stage, name: str, clip: dict[str, int] | None) -> Path:
    path = DOCS / "img" / f"{name}.png"
    made.page.screenshot(path=path, clip=clip, full_page=clip is not None)
    return path
