"""`--dry-run`: a request checked as the daemon checks it, and what would be made of it. Renders and keeps nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import UNSET

from bridge.cli.options.times import clock
from bridge.cli.terminal.output import note, print_json, show
from bridge.model_words import model_words
from bridge.protocol.messages import ModelName
from engine.families.facts import Facts
from engine.requests import Request, Resolved, fields_of, resolve, to_dict
from engine.requests.extent import Extent

URLS = ("http://", "https://")
NOT_SETTINGS = ("model", "audio", "request_id", "client_data", "priority")


@dataclass(frozen=True)
class Checked:
    """What is known before the work: who renders, the settled request, and what it covers (None: a URL's length)."""

    model: ModelName
    resolved: Resolved
    facts: Facts
    extent: Extent | None = None
    notes: list[str] = field(default_factory=list)


def check_as_daemon(request: Request) -> Checked:
    """Every check of a submit. Raises `InvalidRequest`, `UnknownThing`, `CheckpointError` in the daemon's words."""
    from bridge.daemon import validate, views
    from bridge.protocol.home import home_folder
    from bridge.protocol.linked import read_linked

    given = "" if request.model is UNSET else request.model
    model = _model(given)
    if read_linked(home_folder()) is None:
        views.check_model(given or views.default_model())
        validate.check_loras(request)
        if validate.has_many_words(request):
            validate.check_lyrics(request, given or model.name)
    facts = validate.facts_of_model(given or model.name)
    resolved = resolve(request, facts.default_request)
    checked = Checked(model, resolved, facts, notes=list(resolved.warnings))
    return _with_source(request, checked)


def _model(given: str) -> ModelName:
    """The model that would render: the one that is named, the daemon's, the linked machine's, the usual one."""
    from bridge.cli.renders.daemon_session import running_daemon
    from bridge.daemon import views
    from bridge.protocol.home import home_folder
    from bridge.protocol.linked import read_linked

    if given:
        return views.model_name(given)
    running, linked = running_daemon(), read_linked(home_folder())
    if running is not None:
        return running.model
    return linked.model if linked is not None else views.model_name(views.default_model())


def _with_source(request: Request, checked: Checked) -> Checked:
    from dataclasses import replace

    from bridge.daemon.validate import check_memory, check_source
    from bridge.files import Attached, AudioStore, locate
    from bridge.protocol.home import home_folder
    from engine.audio.files import probe
    from engine.requests.extent import SourceShape, extent_of

    audio, geometry = str(getattr(request, "audio", "")), checked.facts.geometry
    if not audio:
        check_memory(request, checked.facts)
        return replace(checked, extent=extent_of(checked.resolved, geometry))
    if audio.startswith(URLS):
        return replace(checked, notes=[*checked.notes, f"{audio} is fetched when it is rendered, not now."])
    with tempfile.TemporaryDirectory(prefix="acestep-dry-run-") as folder:
        store = AudioStore(Path(folder) if audio.startswith("data:") else home_folder() / "audio")
        if audio.startswith("data:"):
            store.make_folders()
        path = locate(audio, store, Attached(), None).path
        check_source(request, path, checked.facts)
        info = probe(path)
    shape = SourceShape(info.frames, info.channels, info.sample_rate)
    return replace(checked, extent=extent_of(checked.resolved, geometry, shape))


def tell(request: Request, paths: Sequence[Path], as_json: bool) -> None:
    """Check a request and say what would be made. Nothing is."""
    checked = check_as_daemon(request)
    for line in checked.notes:
        note(f"Note: {line}")
    if as_json:
        return print_json(_as_json(request, checked, paths))
    show(f"{type(request).task}, by {model_words(checked.model)}")
    for line in described(request, checked):
        show(f"    {line}")
    show(f"    written to {', '.join(str(path) for path in paths)}")
    show("Nothing was rendered: --dry-run.")


def described(request: Request, checked: Checked) -> list[str]:
    """What is made of what, and the settings that were given."""
    lines = [f"source: {_source_words(str(request.audio))}"] if hasattr(request, "audio") else []
    lines += covers(checked)
    known = fields_of(type(request))
    given = {name: getattr(checked.resolved.request, name) for name in known if name in checked.resolved.given}
    return [*lines, *(f"{name}: {value}" for name, value in given.items() if name not in NOT_SETTINGS)]


def covers(checked: Checked) -> list[str]:
    """The seconds that are regenerated, and those of the result."""
    extent = checked.extent
    if extent is None:
        return []
    lines = []
    for window in extent.windows:
        rate = window.sample_rate
        lines += [f"regenerated: {clock(r.start / rate)} to {clock(r.end / rate)}" for r in window.regions]
    if extent.windows and extent.read[1] > extent.read[0]:
        rate = extent.windows[0].sample_rate
        lines.append(f"the model sees {clock(extent.read[0] / rate)} to {clock(extent.read[1] / rate)} of it")
    length = clock(extent.result_samples / extent.sample_rate)
    return [*lines, f"result: {length}, {extent.sample_rate} Hz, {extent.channels} channel(s)"]


def _source_words(audio: str) -> str:
    return audio if len(audio) < 200 else f"{audio[:40]}... ({len(audio)} characters)"


def _as_json(request: Request, checked: Checked, paths: Sequence[Path]) -> dict[str, Any]:
    import msgspec

    extent = checked.extent
    result = None
    if extent is not None:
        result = {"samples": extent.result_samples, "sample_rate": extent.sample_rate, "channels": extent.channels}
    return {
        "dry_run": True,
        "model": msgspec.to_builtins(checked.model),
        "request": to_dict(request),
        "settled": {**to_dict(checked.resolved.request), **_drawn(checked)},
        "result": result,
        "files": [str(path) for path in paths],
        "notes": checked.notes,
    }


def _drawn(checked: Checked) -> dict[str, None]:
    """Seeds that were not given are drawn again each time."""
    return {name: None for name in ("seed", "retake_seed") if not {name, "seed"} & checked.resolved.given}
