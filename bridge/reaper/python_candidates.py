"""Which Python REAPER can load for its scripts, and why others cannot be.

REAPER loads a shared libpython into its own process: it wants `pythonlibpath64` (folder) and `pythonlibdll64`
(file name). Knows no REAPER files. Sources: REAPER's ReaScript help; field reports gathered in docs/reaper.md.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bridge.system.platform import MACOS, WINDOWS, Platform

OLDEST = (3, 8)
_CPU = {0x01000007: "x86_64", 0x0100000C: "arm64"}
_LINUX_FOLDERS = ("/usr/lib/{machine}-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib64", "/usr/local/lib")
_MAC_APP = "/Applications/REAPER.app/Contents/MacOS/REAPER"
_MAC_FRAMEWORKS = (
    ("python.org", "/Library/Frameworks/Python.framework/Versions/*/lib"),
    ("Homebrew", "/opt/homebrew/opt/python@3.*/Frameworks/Python.framework/Versions/3.*/lib"),
    ("Homebrew", "/usr/local/opt/python@3.*/Frameworks/Python.framework/Versions/3.*/lib"),
)


@dataclass(frozen=True)
class Candidate:
    """A Python on this machine. `refusal` is empty where REAPER can load it, else the reason why not."""

    origin: str  # python.org, Homebrew, Debian, ...
    version: tuple[int, int]
    folder: Path
    library: str
    refusal: str = ""


def candidates(platform: Platform) -> list[Candidate]:
    """All found, in the order to offer them: usable ones first, then by origin as found, the newest first."""
    if platform.system == WINDOWS:
        pythons = list(_windows(platform))
    elif platform.system == MACOS:
        pythons = [*_macos(platform), *_unusable_builds(platform)]
    else:
        pythons = [*_linux(platform), *_unusable_builds(platform)]
    checked = [_too_old(candidate) for candidate in pythons]
    return [c for c in checked if not c.refusal] + [c for c in checked if c.refusal]


def remedy(platform: Platform) -> str:
    """What to install where no candidate is usable."""
    if platform.system == WINDOWS:
        return "Install Python 3.12 from python.org (not from the Microsoft Store), for this user, 64 bit."
    if platform.system == MACOS:
        return "Install Python 3.12 from python.org (universal, so it fits every REAPER)."
    return "Install the shared library, on Debian and Ubuntu: sudo apt install libpython3-dev"


def _windows(platform: Platform) -> Iterator[Candidate]:
    entries = sorted(platform.registry(), key=lambda e: (e.hive != "HKCU", [-n for n in _version(e.version)]))
    for entry in entries:
        version = _version(entry.version)
        folder, library = Path(entry.install_path), f"python{version[0]}{version[1]}.dll"
        reason = ""
        if "windowsapps" in entry.install_path.lower():
            reason = "from the Microsoft Store: other programs cannot load its DLL, and it redirects AppData"
        elif entry.version.endswith("-32"):
            reason = "32 bit: REAPER is 64 bit"
        elif entry.version.endswith("-arm64") and platform.machine.lower() != "arm64":
            reason = "for ARM: REAPER is x86_64"
        elif _is_conda(folder):
            reason = "conda: its DLLs are found only in an activated environment"
        elif not (folder / library).is_file():
            reason = f"{library} is not in its folder"
        yield Candidate("python.org", version, folder, library, reason)


def _macos(platform: Platform) -> Iterator[Candidate]:
    wanted = _reaper_architecture(platform)
    for origin, pattern in _MAC_FRAMEWORKS:
        for library in _newest(platform.root.glob(f"{pattern.lstrip('/')}/libpython3.*.dylib")):
            architectures = macho_architectures(library)
            reason = "" if wanted in architectures else f"for {', '.join(architectures) or 'another processor'}"
            reason = f"{reason}: REAPER is {wanted}" if reason else ""
            yield Candidate(origin, _version(library.name), library.parent, library.name, reason)


def _reaper_architecture(platform: Platform) -> str:
    """What REAPER runs as: an Intel REAPER runs on Apple silicon too, under Rosetta."""
    app = macho_architectures(platform.path(_MAC_APP))
    machine = "arm64" if platform.machine == "arm64" else "x86_64"
    return machine if machine in app or not app else app[0]


def _linux(platform: Platform) -> Iterator[Candidate]:
    seen: set[Path] = set()
    for template in _LINUX_FOLDERS:
        folder = platform.path(template.format(machine=platform.machine))
        for library in _newest(folder.glob("libpython3.*.so.1.0")):
            real = library.resolve()
            if real not in seen and library.is_file():
                seen.add(real)
                yield Candidate("system", _version(library.name), folder, library.name)


def _unusable_builds(platform: Platform) -> Iterator[Candidate]:
    """Builds in the user's home: standalone, static and conda ones, each with the reason."""
    suffix = "dylib" if platform.system == MACOS else "so.1.0"
    for library in _newest(platform.home.glob(f".local/share/uv/python/*/lib/libpython3.*.{suffix}")):
        reason = "uv's standalone build: its prefix is compiled in, and starting it could end REAPER"
        yield Candidate("uv", _version(library.name), library.parent, library.name, reason)
    for prefix in _newest(platform.home.glob(".pyenv/versions/3.*")):
        yield _pyenv(prefix, suffix)
    for name in ("miniconda3", "anaconda3", "miniforge3", "mambaforge"):
        for library in _newest(platform.home.glob(f"{name}/lib/libpython3.*.{suffix}")):
            reason = "conda: its libraries conflict with those that REAPER loads"
            yield Candidate("conda", _version(library.name), library.parent, library.name, reason)


def _pyenv(prefix: Path, suffix: str) -> Candidate:
    version = _version(prefix.name)
    library = prefix / "lib" / f"libpython{version[0]}.{version[1]}.{suffix}"
    reason = "" if library.is_file() else "a static pyenv build: install with PYTHON_CONFIGURE_OPTS=--enable-shared"
    return Candidate("pyenv", version, library.parent, library.name, reason)


def _too_old(candidate: Candidate) -> Candidate:
    if candidate.refusal or candidate.version >= OLDEST:
        return candidate
    reason = f"older than {OLDEST[0]}.{OLDEST[1]}"
    return Candidate(candidate.origin, candidate.version, candidate.folder, candidate.library, reason)


def _is_conda(prefix: Path) -> bool:
    return (prefix / "conda-meta").is_dir()


def _version(text: str) -> tuple[int, int]:
    match = re.search(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _newest(paths: Iterator[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: (_version(path.name), str(path)), reverse=True)


def macho_architectures(path: Path) -> list[str]:
    """Processor names in a Mach-O file (Apple's loader.h, fat.h); empty for anything else."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return []
    if len(head) >= 8 and head[:4] == b"\xcf\xfa\xed\xfe":  # one 64-bit processor, little-endian
        return [_CPU[cpu] for cpu in struct.unpack("<I", head[4:8]) if cpu in _CPU]
    if len(head) >= 8 and head[:4] == b"\xca\xfe\xba\xbe":  # universal, big-endian, 20 bytes an entry
        count = min(struct.unpack(">I", head[4:8])[0], (len(head) - 8) // 20)
        kinds = [struct.unpack(">I", head[8 + 20 * i : 12 + 20 * i])[0] for i in range(count)]
        return [_CPU[cpu] for cpu in kinds if cpu in _CPU]
    return []
