"""A render from request to file: submit, show progress, cancel on Ctrl-C, write the audio where the user wants it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import UNSET, structs, to_builtins

from bridge.cli.out_file import numbered, place, plan_output
from bridge.cli.output import note, print_json, show
from bridge.cli.request_options import NOT_PATHS, SOURCE
from bridge.model_words import model_words
from bridge.protocol.messages import ResultEntry, ResultReply
from engine.requests import Request

Written = tuple[Path, ResultEntry]


@dataclass(frozen=True)
class Order:
    """What a render command was asked for. `protected` is a file that must not be overwritten; `daemon_options` go to a
    daemon that is started for the call."""

    request: Request
    out: Path | None
    as_json: bool
    protected: Path | None = None
    stem: str = ""
    daemon_options: tuple[str, ...] = ()


def run_order(order: Order) -> None:
    """Render and write the file. Raises `InvalidRequest` before anything is started where that can be told."""
    from bridge.cli.daemon_session import daemon_session, finish_job

    request, target = _planned(order)
    _check_source(request)
    with daemon_session(options=order.daemon_options) as client:
        reply = finish_job(client, request, type(request).task).reply
        written = _write(reply, target)
    _tell(reply, written, order.as_json)


def _planned(order: Order) -> tuple[Request, Path]:
    """The request with the format that the file's name says, and the file."""
    given = getattr(order.request, "format", UNSET)
    sources = [p for p in (order.protected, _source_path(order.request)) if p is not None]
    stem = order.stem or _stem(order)
    target, wanted = plan_output(order.out, stem, None if given is UNSET else given, sources)
    return structs.replace(order.request, format=wanted), target


def _stem(order: Order) -> str:
    task = type(order.request).task
    return f"{order.protected.stem}-{task}" if order.protected and order.protected.stem else task


def _source_path(request: Request) -> Path | None:
    audio = getattr(request, SOURCE, None)
    return None if audio is None or str(audio).startswith(NOT_PATHS) else Path(audio)


def _check_source(request: Request) -> None:
    """What is wrong with the file can be said before a daemon starts; the daemon checks it again."""
    path = _source_path(request)
    if path is not None:
        from engine.audio.files import probe

        probe(path)


def deliver(reply: ResultReply, out: Path | None, as_json: bool) -> None:
    """Show a result of the daemon's, copied to `out` if that is given. Raises `InvalidRequest` for another format."""
    chosen = [entry for entry in reply.results if entry.chosen]
    if out is None:
        return _tell(reply, [(Path(entry.audio.path or ""), entry) for entry in chosen], as_json)
    suffix = Path(chosen[0].audio.file_name).suffix.lstrip(".") or "wav"
    target, _ = plan_output(out, "result", suffix, [])
    _tell(reply, _write(reply, target), as_json)


def _write(reply: ResultReply, target: Path) -> list[Written]:
    chosen = [entry for entry in reply.results if entry.chosen]
    return [(place(Path(entry.audio.path or ""), numbered(target, n)), entry) for n, entry in enumerate(chosen)]


def _tell(reply: ResultReply, written: list[Written], as_json: bool) -> None:
    for warning in reply.warnings:
        note(f"Note: {warning}")
    if as_json:
        return print_json(_as_json(reply, written))
    for path, entry in written:
        show(str(path))
        for line in describe(entry):
            note(f"    {line}")


def describe(entry: ResultEntry) -> list[str]:
    """A result in words: model, seeds, length, and how well it fits."""
    audio = entry.audio
    seconds = audio.samples / audio.sample_rate
    lines = [
        f"made by {model_words(entry.model)}, seed {entry.seed}, retake seed {entry.retake_seed}",
        f"{seconds:.2f} s, {audio.sample_rate} Hz, {audio.channels} channel(s), {audio.subtype}",
    ]
    if entry.seam_report:
        from bridge.cli.seam_words import seam_in_words

        lines += seam_in_words(entry.seam_report)
    return lines


def _as_json(reply: ResultReply, written: list[Written]) -> dict[str, Any]:
    entries = []
    for path, entry in written:
        values = to_builtins(entry)
        values["audio"] |= {"path": str(path.absolute()), "file_name": path.name}
        entries.append(values)
    first = entries[0]
    whole: dict[str, Any] = {
        **first,
        "job_id": reply.job_id,
        "task": reply.task,
        "warnings": list(reply.warnings),
        "timings": reply.timings | first["timings"],
        "results": entries,
    }
    return whole
