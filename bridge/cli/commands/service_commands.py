"""`service`: daemon and gateway that start with the login. Knows options, not what a service manager is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.commands.serve_command import check_device, check_model
from bridge.cli.options.daemon_options import AudioUrls, ClientQuota, Roots, check_audio_urls, quota_word
from bridge.cli.terminal.output import AsJson, Exit, handled, note, print_json, show

if TYPE_CHECKING:
    from bridge.service.manage import Manager, State

group = typer.Typer(help="A daemon that starts with your login.", no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="service")


def _manager(options: tuple[str, ...] = (), what: str = "daemon") -> Manager:
    from bridge.service.manage import Manager

    return Manager(options, what=what)


@group.command("install")
@handled
def install(
    bind: Annotated[
        str | None, typer.Option("--bind", metavar="ENDPOINT", help="Listen there too, such as tcp://0.0.0.0:49400.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="STR", help="Model by name or folder.")] = None,
    device: Annotated[str | None, typer.Option("--device", metavar="STR", help="auto, cuda, mps or cpu.")] = None,
    audio_urls: AudioUrls = None,
    allow_root: Roots = None,
    client_quota_gb: ClientQuota = None,
    warm: Annotated[bool, typer.Option("--warm", help="Load the model at the start.")] = False,
    gateway: Annotated[bool, typer.Option("--gateway", help="The HTTP gateway with its page, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start a daemon with every login, and now; with other options it is replaced."""
    if gateway:
        _check_gateway()
    check_model(model)
    check_device(device)
    check_audio_urls(audio_urls)
    named = {"--bind": bind, "--model": _whole(model), "--device": device, "--audio-urls": audio_urls}
    named |= {"--client-quota-gb": quota_word(client_quota_gb)}
    words = [word for name, value in named.items() if value for word in (name, value)]
    words += [word for folder in allow_root or [] for word in ("--allow-root", str(folder.absolute()))]
    _say_that_one_runs()
    path = _manager((*words, *(["--warm"] if warm else []))).install()
    urls = ("--audio-urls", audio_urls) if audio_urls else ()
    second = _manager(urls, "gateway").install() if gateway else None
    if as_json:
        return print_json({"path": str(path)} | ({"gateway": str(second)} if second else {}))
    show(f"The daemon starts with your login ({path}).")
    if second:
        show(f"So does the gateway ({second}); acestep-bridge studio opens its page.")
    note("`acestep-bridge service status` says how it is; `service uninstall` ends it.")


def _check_gateway() -> None:
    from bridge.cli.terminal.output import fail
    from bridge.gateway.gateway_settings import GatewaySettings
    from bridge.gateway.serving import GatewayRefused, check_settings
    from bridge.protocol.home import home_folder

    try:
        check_settings(GatewaySettings(home=home_folder()))
    except GatewayRefused as error:
        fail(Exit.BAD_INPUT, str(error))


def _whole(model: str | None) -> str | None:
    """A folder as an absolute path: the service works in another folder."""
    return str(Path(model).absolute()) if model and Path(model).is_dir() else model


def _say_that_one_runs() -> None:
    from bridge.cli.renders.daemon_session import running_daemon

    running = running_daemon()
    if running is not None:
        note(f"A daemon runs already (process {running.pid}); the service's own begins with the next login.")


@group.command("uninstall")
@handled
def uninstall(as_json: AsJson = False) -> None:
    """Stop daemon and gateway of the service, and start them no more."""
    gateway_was_there = _manager(what="gateway").uninstall()
    was_there = _manager().uninstall() or gateway_was_there
    if as_json:
        return print_json({"removed": was_there})
    show("The service is gone." if was_there else "There was no service.")


@group.command("status")
@handled
def status(as_json: AsJson = False) -> None:
    """Whether the service is installed and runs. Exit code 1 where it does not."""
    state, gateway = _manager().state(), _manager(what="gateway").state()
    if as_json:
        print_json(asdict(state) | ({"gateway": asdict(gateway)} if gateway.installed else {}))
    elif not state.installed:
        show("Not installed: acestep-bridge service install")
    else:
        _show_state(state, "daemon")
        if gateway.installed:
            _show_state(gateway, "gateway")
    runs = state.installed and state.running and (gateway.running or not gateway.installed)
    if not runs:
        raise typer.Exit(int(Exit.FAILED))


def _show_state(state: State, what: str) -> None:
    show(f"Installed, the {what}: {state.path}")
    if not state.current:
        show("It starts another installation of acestep-bridge: run service install again.")
    show("It runs." if state.running else f"It does not run; its log is {what}.log in the folder that doctor names.")
