"""What layouts light, and the sources that they list, at a controller with real sockets."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.support.osc import MemoryDaemon, Surface, play, running
from tests.support.osc import until as until_true


def files(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).write_bytes(b"RIFF")
    return [str(folder / name) for name in names]


def test_what_is_on_is_lit(tmp_path):
    """Bars, repetition and preset; a preset's lamp goes when a fader moves, and comes when it is recalled."""

    async def scenario(controller, surface, daemon):
        surface.send("/acestep/region/bars", 5, 4)
        await surface.wait("/acestep/region/bars/5/lamp", 1)
        surface.send("/acestep/region/bars", 9, 4)
        await surface.wait("/acestep/region/bars/5/lamp", 0)
        surface.send("/acestep/repeat/bars", 8)
        await surface.wait("/acestep/repeat/8/lamp", 1)
        surface.send("/acestep/preset/save", "B")
        await surface.wait("/acestep/preset/B/lamp", 1)
        surface.send("/acestep/variance", 0.125)
        await surface.wait("/acestep/preset/B/lamp", 0)
        surface.send("/acestep/preset/recall", "B")
        await surface.wait("/acestep/preset/B/lamp", 1)
        surface.heard.clear()
        surface.send("/acestep/sync")
        await surface.wait("/acestep/region/bars/9/lamp", 1)
        await surface.wait("/acestep/take/0/lamp", 1)

    play(scenario, tmp_path)


def test_sources_are_listed_and_chosen_by_number(tmp_path):
    """The files beside the one that is named once; what is no audio, or gone, is no source."""
    paths = files(tmp_path, "a.wav", "b.flac", "c.txt", "d.mp3")

    async def scenario(controller, surface, daemon):
        surface.send("/acestep/source", paths[1])
        assert await surface.wait("/acestep/source/words", "b.flac")
        await until_true(lambda: controller.controls.values.get("source") == paths[1])
        surface.heard.clear()
        surface.send("/acestep/sync")
        names = [(await surface.wait(f"/acestep/source/{n}/name"))[0] for n in range(1, 5)]
        assert sorted(names) == ["", "a", "b", "d"]
        number = names.index("d") + 1
        surface.send("/acestep/source/select", number)
        await surface.wait("/acestep/source/words", "d.mp3")
        await surface.wait(f"/acestep/source/{number}/lamp", 1)
        surface.send("/acestep/source/select", 7)
        assert "from 1 to 3" in (await surface.wait("/acestep/error", "/acestep/source/select"))[2]

    play(scenario, tmp_path)


def test_sources_used_last_are_there_again(tmp_path):
    """Also those of another folder, after the controller was started again."""
    (tmp_path / "other").mkdir()
    (path,) = files(tmp_path / "other", "old.wav")
    (tmp_path / "sources.json").write_text(json.dumps({"used": [path, str(tmp_path / "gone.wav")]}))

    async def scenario(controller, surface, daemon):
        surface.send("/acestep/source/select", 1)
        await surface.wait("/acestep/source/words", "old.wav")

    play(scenario, tmp_path)


def test_a_remix_needs_no_words_about_the_source(tmp_path):
    """`original_tags` is a required field that no performer knows."""
    paths = files(tmp_path, "a.wav")

    async def scenario(controller, surface, daemon):
        surface.send("/acestep/source", paths[0])
        surface.send("/acestep/tags", "house")
        surface.send("/acestep/audio_to_audio")
        await until_true(lambda: len(daemon.requests) == 1)
        assert daemon.requests[0]["original_tags"] == "music"
        surface.send("/acestep/original_tags", "rock")
        surface.send("/acestep/audio_to_audio")
        await until_true(lambda: len(daemon.requests) == 2)
        assert daemon.requests[1]["original_tags"] == "rock"

    play(scenario, tmp_path)


def test_a_second_controller_on_another_port_keeps_takes_of_its_own(tmp_path):
    paths = files(tmp_path, "a.wav")

    async def main():
        async with running(MemoryDaemon(tmp_path), tmp_path) as first:
            port = first.port  # free again when it has ended
        async with running(MemoryDaemon(tmp_path), tmp_path, port=port) as second:
            surface = Surface(second.port)
            surface.send("/acestep/register", 0)
            surface.send("/acestep/source", paths[0])
            await surface.wait("/acestep/source/words", "a.wav")
            surface.send("/acestep/take/original")
            await until_true((tmp_path / f"takes-{port}.json").exists)
        assert (tmp_path / f"surfaces-{port}.json").exists() and (tmp_path / f"sources-{port}.json").exists()
        assert not (tmp_path / "sources.json").exists()

    asyncio.run(main())
