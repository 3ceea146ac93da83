"""A render from request to file: submit, show progress, cancel on Ctrl-C, write the audio where the user wants it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import UNSET, structs, to_builtins

from bridge.cli.options.request_options import NOT_PATHS, SOURCE
from bridge.cli.renders import dry_run
from bridge.cli.renders.job_facts import FILE
from bridge.cli.renders.out_file import PIPE, Outputs, Piped, Wish, format_of, outputs
from bridge.cli.terminal.output import note, print_json, show
from bridge.file_names import is_text, original_stem
from bridge.model_words import model_words
from bridge.protocol.home import home_folder
from bridge.protocol.linked import linked_path
from bridge.protocol.messages import ResultEntry, ResultReply
from engine.atomic import WriteError
from engine.requests import Request

Written = tuple[Path, ResultEntry]


@dataclass(frozen=True)
class Order:
    """What a render command was asked for. `protected` is a file that must not be overwritten, `force` replaces `out`;
    `daemon_options` go to a daemon that is started for the call."""

    request: Request
    out: Path | None
    as_json: bool
    protected: Path | None = None
    stem: str = ""
    daemon_options: tuple[str, ...] = ()
    force: bool = False
    item: int | None = None  # the only variation that is wanted
    dry_run: bool = False


def run_order(order: Order) -> None:
    """Render and write the file. Raises `InvalidRequest` before anything is started where that can be told."""
    from bridge.cli.renders.daemon_session import daemon_session, finish_job, interruptible

    request = _with_format(order)
    _check_source(request)
    count = _given(request.variations, 1) if order.item is None else 1
    wish = Wish(order.out, order.stem or _stem(order), order.force)
    with interruptible(), outputs(wish, str(request.format), count, order.as_json and not order.dry_run) as files:
        if order.dry_run:
            return dry_run.tell(request, files.paths, order.as_json)
        with daemon_session(options=order.daemon_options) as client:
            reply = _wanted(finish_job(client, _named(request, files.paths), type(request).task).reply, order.item)
            written = _write(reply, files)
    _tell(reply, written, order.as_json)


def _wanted(reply: ResultReply, item: int | None) -> ResultReply:
    """The reply with the one variation that is wanted, or all."""
    if item is None:
        return reply
    return structs.replace(reply, results=[entry for entry in reply.results if entry.variation == item])


def _with_format(order: Order) -> Request:
    """The request with the format that the file's name says."""
    sources = [p for p in (order.protected, _source_path(order.request)) if p is not None]
    return structs.replace(order.request, format=format_of(order.out, _given(order.request.format, None), sources))


def _named(request: Request, paths: Sequence[Path]) -> Request:
    """The request with the file's name, which `jobs list` shows, unless the user keeps something there."""
    path = str(paths[0].absolute())
    if request.client_data is not UNSET or paths[0] == PIPE or not is_text(path):
        return request
    return structs.replace(request, client_data={FILE: path})


def _given(value: Any, default: Any) -> Any:
    return default if value is UNSET else value


def _stem(order: Order) -> str:
    task = type(order.request).task
    return f"{original_stem(order.protected.stem)}-{task}" if order.protected and order.protected.stem else task


def _source_path(request: Request) -> Path | None:
    audio = getattr(request, SOURCE, None)
    return None if audio is None or str(audio).startswith(NOT_PATHS) else Path(audio)


def _check_source(request: Request) -> None:
    """What is wrong with files can be said before a daemon starts; the daemon checks them again."""
    if _given(request.lora, ()) and not linked_path(home_folder()).exists():
        from bridge.daemon.validate import check_loras

        check_loras(request)
    path = _source_path(request)
    if path is not None:
        from engine.audio.files import probe

        probe(path)
    clip = request.reference_audio
    if clip is not UNSET and not str(clip).startswith(NOT_PATHS):
        from bridge.daemon.validate import check_clip

        check_clip(Path(clip))


def deliver(reply: ResultReply, out: Path | None, as_json: bool, force: bool = False) -> None:
    """Show a result of the daemon's, copied to `out` if that is given. Raises `InvalidRequest` for another format."""
    chosen = [entry for entry in reply.results if entry.chosen]
    if out is None:
        return _tell(reply, [(Path(entry.audio.path or ""), entry) for entry in chosen], as_json)
    suffix = Path(chosen[0].audio.file_name).suffix.lstrip(".") or "wav"
    with outputs(Wish(out, "result", force), format_of(out, suffix, []), len(chosen), as_json) as files:
        written = _write(reply, files)
    _tell(reply, written, as_json)


def _write(reply: ResultReply, files: Outputs | Piped) -> list[Written]:
    chosen = [entry for entry in reply.results if entry.chosen]
    try:
        return [(files.put(n, Path(entry.audio.path or "")), entry) for n, entry in enumerate(chosen)]
    except WriteError as error:
        raise WriteError(f"{error} The render is kept: acestep-bridge jobs result {reply.job_id} -o FILE") from error


def _tell(reply: ResultReply, written: list[Written], as_json: bool) -> None:
    for warning in reply.warnings:
        note(f"Note: {warning}")
    if as_json:
        return print_json(_as_json(reply, written))
    for path, entry in written:
        if path != PIPE:
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
        from bridge.cli.terminal.seam_words import seam_in_words

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
