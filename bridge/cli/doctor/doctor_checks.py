"""What has to be right on this machine, one check a thing, each with its remedy. Changes nothing, loads no torch."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.installing.point import Point

if TYPE_CHECKING:
    from bridge.system.processor_rates import ProcessorRates

OLDEST_PYTHON = (3, 11)
NEEDED = ("numpy", "pyzmq", "msgspec", "soundfile", "soxr", "typer", "rich", "rpp", "matplotlib")
ENGINE = ("torch", "safetensors", "tokenizers", "scipy")
SET_UP = "Run `python3 run.py setup` in the project's folder."
ELSEWHERE = f"Let another machine render: acestep-bridge link (docs/remote.md). Or, where PyTorch exists: {SET_UP}"
MODULES = {"pyzmq": "zmq"}  # where the import has another name
LINK_SECONDS = 5.0
LOW_DISK_BYTES = 2_000_000_000
TORCH_SECONDS = 120.0
_PROBE = """
import json, torch
cuda = torch.cuda.is_available()
mps = torch.backends.mps.is_available()
found = {"version": torch.__version__, "device": "cuda" if cuda else "mps" if mps else "cpu"}
if cuda:
    free, total = torch.cuda.mem_get_info()
    found |= {"name": torch.cuda.get_device_name(), "free_bytes": free, "total_bytes": total}
print(json.dumps(found))
"""

_MEMORY_PROBE = """
import json, pathlib, sys
from engine.families.memory_report import memory_report
print(json.dumps(memory_report(pathlib.Path(sys.argv[1]))))
"""


@dataclass(frozen=True)
class Check(Point):
    """A point; `code` where a script would do something about it."""

    code: str = ""


FULL_MODELS = ("ace-step-v1", "ace-step-1.5")  # named even where they are not here; `models list` names all


def all_checks(model: str = "nano") -> Iterator[Check]:
    """Every check, in the order in which things have to be mended."""
    from bridge.cli.doctor.doctor_cluster import cluster_checks

    yield python_check(sys.version_info[:3])
    yield packages_check("packages", NEEDED)
    linked = linked_checks()
    yield from linked or rendering_checks(model)
    yield disk_check()
    yield daemon_check()
    yield from others_checks() if not linked else ()
    yield from (Check(p.name, p.ok, p.text, p.remedy, p.optional) for p in cluster_checks())
    yield gateway_check()
    yield reaper_check()


def rendering_checks(model: str) -> Iterator[Check]:
    """What this machine needs to render by itself, and how fast it is."""
    packages = packages_check("engine packages", ENGINE)
    if not packages.ok:
        yield Check("rendering", False, f"not on this machine ({packages.text})", ELSEWHERE, code="model")
        return
    yield packages
    torch_state = probe()
    yield torch_check(torch_state)
    yield memory_check()
    yield from model_checks(model)
    yield from memory_mode_checks(model)
    yield from speed_checks(str(torch_state.get("device", "cpu")) if isinstance(torch_state, dict) else "cpu")


def linked_checks() -> list[Check]:
    """The machine that renders for this one, whether it answers, what of it is not as here; empty without a link."""
    from bridge.client.likeness import differences
    from bridge.client.link_state import link_state, machine
    from bridge.model_words import model_words
    from bridge.protocol.errors import BridgeError
    from bridge.protocol.home import home_folder
    from bridge.protocol.linked import linked_path, read_linked

    home = home_folder()
    try:
        linked = read_linked(home)
        if linked is None:
            return []
        state = link_state(home, linked_path(home), LINK_SECONDS)
    except BridgeError as error:
        return [Check("rendering", False, f"on another machine: {error}", "See docs/remote.md.")]
    if state.hello is None:
        return [Check("rendering", False, state.text, f"{state.remedy} See docs/remote.md.")]
    model, engine = model_words(state.hello.model), state.hello.engine.state
    there = Check("rendering", True, f"on {machine(linked)}, with {model}, engine {engine}")
    others = differences(linked.name, state.hello.package_version, state.models, linked.model.name)
    return [there, *(Check("other machine", False, text, "See docs/remote.md.", optional=True) for text in others)]


def speed_checks(device: str) -> Iterator[Check]:
    """What to expect: measured in this machine's own jobs, and a rough figure for the full model."""
    from bridge.cli.doctor.doctor_speed import full_model_time, measured_speeds
    from bridge.protocol.home import home_folder

    speeds = measured_speeds(home_folder() / "jobs.sqlite3")
    for speed in speeds:
        yield Check("speed", True, speed.text, optional=True)
    if not any(speed.model == "nano" for speed in speeds):
        yield Check("speed", True, "nano: not measured here yet (acestep-bridge demo does)", optional=True)
    rates = _rates() if device == "cpu" else None
    for model in [name for name in FULL_MODELS if not any(speed.model == name for speed in speeds)]:
        time = full_model_time(device, os.cpu_count() or 1, model, rates)
        yield Check("speed", True, f"{model}, 10 s with 10 s on each side: {time}", optional=True)
    yield recommended_check(device, rates)


def recommended_check(device: str, rates: ProcessorRates | None) -> Check:
    """The full model for this machine, and how its weights are best held."""
    from bridge.demo.full_model import recommended

    name = recommended(device)
    why = "a GPU has the speed for it" if name == "ace-step-v1" else "8 steps without guidance: a quarter of v1's work"
    text = f"of the full models {name} is the one for this machine ({why})"
    if rates is not None and rates.int8 > 1.2 * max(rates.float32, rates.bfloat16):
        times = rates.int8 / max(rates.float32, rates.bfloat16)
        text += f"; ACESTEP_MEMORY=int8 multiplies {times:.1f} times as fast here, with weights of 8 bits"
    return Check("recommended", True, text, optional=True)


def _rates() -> ProcessorRates | None:
    from bridge.protocol.home import home_folder
    from bridge.system.processor_rates import processor_rates

    return processor_rates(home_folder())


def python_check(version: tuple[int, ...]) -> Check:
    """Python is new enough."""
    text = ".".join(str(part) for part in version) + f" on {platform.system()} {platform.machine()}"
    remedy = "" if version >= OLDEST_PYTHON else "Install Python 3.11 or newer from python.org, then `run.py setup`."
    return Check("Python", not remedy, text, remedy)


def packages_check(name: str, packages: tuple[str, ...]) -> Check:
    """These distributions are installed, and Python finds them."""
    there, missing = [], []
    for package in packages:
        try:
            version = importlib.metadata.version(package)
            installed = importlib.util.find_spec(MODULES.get(package, package)) is not None
        except (importlib.metadata.PackageNotFoundError, ImportError):
            installed = False
        if installed:
            there.append(f"{package} {version}")
        else:
            missing.append(package)
    if missing:
        return Check(name, False, "missing: " + ", ".join(missing), SET_UP)
    return Check(name, True, ", ".join(there))


def probe() -> dict[str, Any] | Exception:
    """What PyTorch says of itself and its device, or why it does not start."""
    try:
        return _probe_torch()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return error


def torch_check(torch_state: dict[str, Any] | Exception) -> Check:
    """PyTorch starts, and what it computes on."""
    if isinstance(torch_state, Exception):
        return Check("PyTorch", False, f"does not start ({torch_state})", SET_UP)
    if torch_state["device"] == "cuda":
        gigabytes = f"{torch_state['free_bytes'] / 1e9:.1f} of {torch_state['total_bytes'] / 1e9:.1f} GB free"
        return Check("PyTorch", True, f"{torch_state['version']}, {torch_state['name']}, {gigabytes}")
    hint = (
        "nano runs well on it; of the full models ace-step-1.5"
        if torch_state["device"] == "cpu"
        else "untested by our tests"
    )
    return Check("PyTorch", True, f"{torch_state['version']}, computes on {torch_state['device']} ({hint})")


def memory_check() -> Check:
    """How much main memory there is."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return Check("memory", True, f"{os.cpu_count()} processors; the amount is unknown here", optional=True)
    enough = total > 3e9
    remedy = "" if enough else "nano needs about 2 GB with everything; close other programs."
    return Check("memory", enough, f"{total / 1e9:.1f} GB, {os.cpu_count()} processors", remedy, optional=True)


def model_checks(wanted: str) -> Iterator[Check]:
    """The wanted model is here; which others are."""
    from engine.checkpoints import registry
    from engine.errors import CheckpointError

    try:
        entry = registry.resolve(wanted)
        yield Check("model", True, f"{entry.name}: {entry.description} ({entry.folder})", code="model")
    except CheckpointError as error:
        yield Check("model", False, str(error), "See `acestep-bridge models list`.", code="model")
    for other in registry.entries():
        if other.repository and (other.installed or other.name in FULL_MODELS):
            size = f"{other.size_bytes / 1e9:.1f} GB, licence {other.licence}"
            remedy = "" if other.installed else f"For the full model: acestep-bridge models pull {other.name} ({size})"
            text = f"{other.name}: {'here' if other.installed else 'not pulled'}"
            yield Check("full model", other.installed, text, remedy, optional=True)


def memory_mode_checks(wanted: str, run: Callable[[str], list[dict[str, Any]]] | None = None) -> Iterator[Check]:
    """Which memory mode the engine would choose now for a short and a long job, and what it expects to take."""
    from engine.checkpoints import registry
    from engine.errors import CheckpointError

    try:
        report = (run or _probe_memory)(str(registry.resolve(wanted).folder))
    except CheckpointError:
        return  # said by `model_checks`
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        yield Check("memory mode", False, f"cannot be told ({error})", SET_UP, optional=True)
        return
    for job in report:
        expected, room = job["expected_bytes"] / 1e9, job["room_bytes"] / 1e9
        text = f"{job['job']}: {job['mode']}, peak of {expected:.1f} GB expected, {room:.1f} GB free"
        fits = job["expected_bytes"] <= job["room_bytes"]
        remedy = "" if fits else "Close other programs, use a smaller model, or make shorter pieces."
        yield Check("memory mode", fits, text, remedy, optional=True)


def disk_check() -> Check:
    """There is room where results are kept."""
    from bridge.protocol.home import home_folder

    home = home_folder()
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    writable = os.access(existing, os.W_OK)
    text = f"{free / 1e9:.1f} GB free in {home}" + ("" if writable else ", which cannot be written")
    remedy = "Free some space, or let ACESTEP_BRIDGE_HOME name a folder on another disk that you may write."
    ok = writable and free > LOW_DISK_BYTES
    return Check("disk", ok, text, "" if ok else remedy)


def daemon_check() -> Check:
    """Whether a daemon runs; commands start one when they need it."""
    from bridge.cli.renders.daemon_session import running_daemon
    from bridge.model_words import model_words
    from bridge.protocol.errors import BridgeError
    from bridge.system.own_code import why_another

    start = "Commands start one for themselves; to keep one running: acestep-bridge serve"
    try:
        hello = running_daemon()
    except BridgeError as error:
        return Check("daemon", False, str(error), start, optional=True, code="daemon")
    if hello is None:
        return Check("daemon", False, "not running", start, optional=True, code="daemon")
    engine = f"engine {hello.engine.state}" + (f" on {hello.engine.device}" if hello.engine.device else "")
    text = f"running (process {hello.pid}), {model_words(hello.model)}, {engine}"
    remedy = why_another(hello.updated, hello.software)
    return Check("daemon", not remedy, text, remedy, optional=True, code="daemon")


def others_checks() -> Iterator[Check]:
    """What the daemon that runs says of the machines that render for it: not used, or not as this one."""
    from bridge.cli.renders.daemon_session import running_daemon
    from bridge.protocol.errors import BridgeError

    with contextlib.suppress(BridgeError):
        hello = running_daemon()
        for problem in hello.engine.problems if hello else []:
            yield Check("other machines", False, problem, "See docs/scale.md.", optional=True)


def gateway_check() -> Check:
    """The HTTP gateway: whether one runs, and whether one could."""
    from bridge.gateway.gateway_settings import GatewaySettings
    from bridge.gateway.serving import GatewayRefused, check_settings, read_running
    from bridge.protocol.home import home_folder

    settings = GatewaySettings(home=home_folder())
    running = read_running(settings)
    if running is not None:
        return Check("gateway", True, f"listens on {running.url} (process {running.pid})", optional=True)
    try:
        check_settings(settings)
    except GatewayRefused as error:
        return Check("gateway", False, "cannot be started", str(error), optional=True)
    return Check("gateway", True, "not started (acestep-bridge gateway)", optional=True)


def reaper_check() -> Check:
    """Whether the scripts are in REAPER."""
    from bridge.reaper.install_status import status
    from engine.errors import InvalidRequest

    try:
        wrong = [point for point in status() if not (point.ok or point.optional)]
    except (InvalidRequest, OSError) as error:
        return Check("REAPER scripts", False, str(error), "See `acestep-bridge reaper status`.", optional=True)
    if wrong:
        return Check("REAPER scripts", False, f"{wrong[0].name}: {wrong[0].text}", wrong[0].remedy, optional=True)
    return Check("REAPER scripts", True, "installed", optional=True)


def _probe_torch() -> dict[str, Any]:
    """Asked in a process of its own, because this one loads no torch."""
    torch_state: dict[str, Any] = _asked([sys.executable, "-c", _PROBE])
    return torch_state


def _probe_memory(folder: str) -> list[dict[str, Any]]:
    """Asked in a process of its own, as PyTorch is. Headers are read, nothing is loaded."""
    report: list[dict[str, Any]] = _asked([sys.executable, "-c", _MEMORY_PROBE, folder])
    return report


def _asked(command: list[str]) -> Any:
    """The JSON that a process prints last. Raises ValueError with the end of what it said where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TORCH_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"no answer in {TORCH_SECONDS:g} s") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
        raise ValueError(last)
    return json.loads(done.stdout.strip().splitlines()[-1])
