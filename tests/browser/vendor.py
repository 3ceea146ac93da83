"""`python -m tests.browser vendor`: takes the waveform library into the package again, as `vendor.json` names it.

npm fetches the archive from wherever it is set up to; its SHA-512 must be the one that is written down (the first time,
with `--version`, it is written). `check` compares the files that lie in the package with their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

from bridge.gateway.page_files import FOLDER

HOME = FOLDER / "vendor"
LIST = HOME / "vendor.json"
FILES = {
    "LICENSE": "wavesurfer.LICENSE.txt",
    "dist/wavesurfer.esm.js": "wavesurfer.js",
    "dist/plugins/regions.esm.js": "regions.js",
    "dist/plugins/timeline.esm.js": "timeline.js",
    "dist/plugins/spectrogram.esm.js": "spectrogram.js",
}


def take_in(version: str | None = None) -> None:
    """Fetch, check, write the files and their list. Raises ValueError for an archive that is another."""
    known = {} if version else json.loads(LIST.read_text())
    wanted = version or known["version"]
    with tempfile.TemporaryDirectory() as folder:
        words = ["npm", "pack", "--silent", f"wavesurfer.js@{wanted}", "--pack-destination", folder]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        archive = next(Path(folder).glob("*.tgz"))
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if known and known["integrity"] != integrity:
            raise ValueError(f"wavesurfer.js {wanted}: got {integrity}, expected {known['integrity']}")
        HOME.mkdir(exist_ok=True)
        with tarfile.open(archive) as tar:
            for inside, name in FILES.items():
                file = tar.extractfile(f"package/{inside}")
                assert file is not None
                (HOME / name).write_bytes(file.read())
    told = {"package": "wavesurfer.js", "version": wanted, "licence": "BSD-3-Clause", "integrity": integrity}
    LIST.write_text(json.dumps(told | {"files": hashes()}, indent=1) + "\n")


def hashes() -> dict[str, str]:
    """Name to SHA-256 of the files in the package."""
    return {name: hashlib.sha256((HOME / name).read_bytes()).hexdigest() for name in FILES.values()}


def wrong_files() -> list[str]:
    """Files that are not as they were taken in."""
    known = json.loads(LIST.read_text())["files"]
    return [name for name, digest in hashes().items() if known.get(name) != digest]
