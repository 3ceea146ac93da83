"""`serve`: a daemon in this terminal. Knows the daemon's entry point, nothing behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from bridge.cli.options.daemon_options import AudioUrls, ClientQuota, Roots, check_audio_urls, quota_word
from bridge.cli.options.logging_options import LogLevel, check_log_level
from bridge.cli.terminal.output import handled, note
from bridge.daemon.device_words import devices_of
from bridge.model_words import model_words
from bridge.system.own_code import why_another
from engine.errors import InvalidRequest


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


@handled
def serve(
    bind: Annotated[
        str | None,
        typer.Option("--bind", metavar="ENDPOINT", help="Listen here too, such as tcp://192.168.1.5:49400 (CURVE)."),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="STR", help="Model by name or folder.")] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="STR", help="auto, cuda, mps or cpu; cuda:0,cuda:1 for several.")
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory",
            metavar="auto|resident|tiled|offloaded|int8|int8-offloaded",
            help="How the engine shares memory; chosen for each job by default.",
        ),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option("--executor", metavar="local|ray", help="Who renders: this machine's devices, or a Ray cluster."),
    ] = None,
    address: Annotated[
        str | None, typer.Option("--address", metavar="STR", help="The cluster, such as auto or 10.0.0.5:6379.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, max=512, help="How many jobs at once on the cluster.")
    ] = None,
    audio_urls: AudioUrls = None,
    allow_root: Roots = None,
    client_quota_gb: ClientQuota = None,
    warm: Annotated[bool, typer.Option("--warm", help="Load the model at the start.")] = False,
    log_level: LogLevel = None,
) -> None:
    """Run the daemon until Ctrl-C. REAPER, OSC, programs and the other commands use it."""
    check_model(model)
    check_audio_urls(audio_urls)
    check_device(device)
    check_memory(memory)
    check_executor(executor, address, workers)
    check_log_level(log_level)
    options = {"--bind": bind, "--model": model, "--device": device, "--memory": memory, "--audio-urls": audio_urls}
    options |= {"--log-level": log_level, "--client-quota-gb": quota_word(client_quota_gb)}
    options |= {"--executor": executor, "--address": address, "--workers": str(workers) if workers else None}
    roots = [word for folder in allow_root or [] for word in ("--allow-root", str(folder.absolute()))]
    raise SystemExit(run_daemon(options, [*roots, *(["--warm"] if warm else [])]))


def run_daemon(options: Mapping[str, str | None], others: Sequence[str] = ()) -> int:
    """The daemon's exit code."""
    from bridge.cli.renders.daemon_session import running_daemon
    from bridge.daemon.main import main

    running = running_daemon()
    if running is not None:
        note(f"A daemon runs already (process {running.pid}, {model_words(running.model)}); it goes on.")
        if why := why_another(running.updated, running.software):
            note(why)
        return 0
    words = [word for name, value in options.items() if value for word in (name, value)]
    note("Ctrl-C ends the daemon.")
    return int(main([*words, *others]) or 0)


def check_model(model: str | None) -> None:
    """Raises CheckpointError for a model that is not here."""
    if model is not None:
        from engine.checkpoints import registry

        registry.resolve(model)


def check_device(device: str | None) -> None:
    """Raises InvalidRequest for a word that is no device."""
    if device is not None:
        devices_of(device)


def check_executor(executor: str | None, address: str | None, workers: int | None) -> None:
    """Raises InvalidRequest for an executor that there is not, and for options of a cluster without one."""
    if executor not in (None, "local", "ray"):
        raise InvalidRequest("executor", repr(executor), "local or ray", "Leave it out for this machine.")
    if executor != "ray" and (address or workers):
        name = "address" if address else "workers"
        raise InvalidRequest(name, str(address or workers), "nothing without a cluster", "Add --executor ray.")


def check_memory(memory: str | None) -> None:
    """Raises EngineError for a mode that there is not."""
    from engine.memory.plan import mode_named

    if memory not in (None, "auto"):
        mode_named(str(memory))
