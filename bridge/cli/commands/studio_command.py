"""`studio`: the page of the gateway in the browser, with its key. Knows how it is opened, not what the page does."""

from __future__ import annotations

import html
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options.paths import file_path
from bridge.cli.terminal.output import Exit, fail, handled, note, show
from bridge.gateway.gateway_settings import DEFAULT_PORT, GatewaySettings

if TYPE_CHECKING:
    from bridge.gateway.serving import Running

PAGE = """<!doctype html>
<meta charset="utf-8"><title>acestep-bridge</title>
<meta http-equiv="refresh" content="0; url={address}">
<a href="{address}">Open the studio</a>
"""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("studio")(studio)


@handled
def studio(
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it, or say its address only.")] = True,
    root: Annotated[
        list[Path] | None,
        typer.Option("--root", metavar="FOLDER", parser=file_path, help="The page may play files in here."),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="Port of a gateway that is started here; 0: a free one.")
    ] = DEFAULT_PORT,
) -> None:
    """Open the page that shows, plays and steers everything; a gateway is started here where none runs."""
    from bridge.gateway.serving import GatewayRefused, check_settings, read_running, run
    from bridge.protocol.home import home_folder

    settings = GatewaySettings(home=home_folder(), port=port, roots=tuple(root or ()))
    running = read_running(settings)
    if running is not None:
        return _open(running, settings, browser)
    try:
        check_settings(settings)
        run(settings, (), lambda started: _open(started, settings, browser, stays=True))
    except GatewayRefused as error:
        fail(Exit.BAD_INPUT, str(error))


def address_of(running: Running, folder: Path) -> str:
    """The page with its key in the fragment, which browsers send to nobody, and the word that only a page has that
    this machine's user has opened: that one may learn where files lie.
    """
    from bridge.gateway.secret_files import secrets_of

    return f"{running.url}/#key={running.key}&here={secrets_of(folder).here}"


def write_opener(running: Running, folder: Path) -> Path:
    """A page that leads to the page, 0600: a browser's command line, which all users see, then holds no key."""
    from bridge.system.atomic import write_private

    path = folder / "studio.html"
    write_private(path, PAGE.format(address=html.escape(address_of(running, folder))).encode())
    return path


def _open(running: Running, settings: GatewaySettings, browser: bool, stays: bool = False) -> None:
    opened = False
    if browser:
        opened = webbrowser.open(write_opener(running, settings.folder).as_uri())
    show(address_of(running, settings.folder))
    if not opened:
        note("Open this address in a browser on this machine; it holds the key.")
    if stays:
        note("Ctrl-C ends the gateway; jobs go on.")
