"""`gateway`: the public HTTP API in this terminal. Knows how it is set up, not what endpoints do."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options.daemon_options import AudioUrls, check_audio_urls
from bridge.cli.options.logging_options import LogLevel, check_log_level, log_to
from bridge.cli.options.paths import file_path
from bridge.cli.terminal.output import Exit, fail, handled, note, show
from bridge.gateway.gateway_settings import DEFAULT_PORT, GatewaySettings
from bridge.log import hide

if TYPE_CHECKING:
    from bridge.gateway.serving import Running


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("gateway")(gateway)


@handled
def gateway(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="Port; 0: a free one.")] = DEFAULT_PORT,
    tls: Annotated[bool, typer.Option("--tls", help="Speak https, with a certificate made for this machine.")] = False,
    origin: Annotated[
        list[str] | None, typer.Option("--origin", metavar="URL", help="A web page that may call, such as its address.")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option("--name", metavar="HOST", help="What else this machine is called by callers.")
    ] = None,
    webhook_host: Annotated[
        list[str] | None, typer.Option("--webhook-host", metavar="HOST", help="Webhooks may go there too.")
    ] = None,
    root: Annotated[
        list[Path] | None,
        typer.Option("--root", metavar="FOLDER", parser=file_path, help="Callers may name files in here by path."),
    ] = None,
    quota_gb: Annotated[float, typer.Option("--quota-gb", min=0.1, help="Room for uploads.")] = 20.0,
    audio_urls: AudioUrls = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line {url, key, pid} on stdout once it listens.")
    ] = False,
    log_level: LogLevel = None,
    home: Annotated[Path | None, typer.Option("--home", hidden=True, parser=file_path)] = None,
    log: Annotated[Path | None, typer.Option("--log", hidden=True, parser=file_path)] = None,
) -> None:
    """Let programs written for fal's API run on this machine: JavaScript, Python and HTTP clients, unchanged."""
    from bridge.gateway.serving import GatewayRefused, check_settings, run
    from bridge.protocol.home import home_folder

    check_audio_urls(audio_urls)
    check_log_level(log_level)
    settings = GatewaySettings(
        home=home or home_folder(),
        host=host,
        port=port,
        tls=tls,
        origins=tuple(origin or ()),
        names=tuple(name or ()),
        webhook_hosts=tuple(webhook_host or ()),
        roots=tuple(root or ()),
        quota_bytes=int(quota_gb * (1 << 30)),
    )
    try:
        check_settings(settings)
        log_to(settings.home, "gateway", log_level, path=log)
        run(
            settings,
            ("--audio-urls", audio_urls) if audio_urls else (),
            lambda running: _say(running, settings, as_json, log is not None),
        )
    except GatewayRefused as error:
        fail(Exit.BAD_INPUT, str(error))


def _say(running: Running, settings: GatewaySettings, as_json: bool, is_service: bool = False) -> None:
    hide(running.key)
    logging.getLogger("bridge.gateway").info("listening on %s", running.url)
    if is_service:
        return
    if as_json:
        print(json.dumps({"url": running.url, "key": running.key, "pid": running.pid}), flush=True)
        return
    for line in what_to_paste(running, settings):
        show(line)
    note("Ctrl-C ends it; jobs go on. docs/http.md says what is the same as the public service and what differs.")


def what_to_paste(running: Running, settings: GatewaySettings) -> list[str]:
    """Lines for JavaScript, Python and curl."""
    url, key = running.url, running.key
    proxy = f'{{url: "{url}/api/fal/proxy", when: "always"}}'
    lines = [
        f"Listening on {url}. The key: {key}",
        "",
        "JavaScript (@fal-ai/client 1.10 or newer):",
        f'    fal.config({{credentials: "{key}", proxyUrl: {proxy}}});',
        "Python (pip install fal-client beside acestep-bridge):",
        "    from bridge.gateway.fal import use_gateway; use_gateway()",
        "curl:",
        f'    curl -H "Authorization: Key {key}" -H "Content-Type: application/json" \\',
        f"""        -d '{{"tags": "lofi, hiphop", "duration": 10}}' {url}/run/fal-ai/ace-step""",
    ]
    if running.authority:
        lines += _over_tls(running, settings)
    return lines


def _over_tls(running: Running, settings: GatewaySettings) -> list[str]:
    where = running.url.removeprefix("https://")
    bundle = settings.folder / "tls" / "bundle.pem"
    return [
        "",
        "Python by environment alone (uploads by the client's own upload functions would still go to fal):",
        f"    export FAL_KEY={running.key} FAL_RUN_HOST={where}/run FAL_QUEUE_RUN_HOST={where}/queue",
        f"    export SSL_CERT_FILE='{bundle}'",
        f"Node: export NODE_EXTRA_CA_CERTS='{running.authority}'; curl: --cacert '{running.authority}'",
    ]
