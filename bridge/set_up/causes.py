"""What pip's words mean for a person: the likely cause of a failure, and what to do. Knows no process."""

from __future__ import annotations

import re

_NETWORK = (
    "NewConnectionError|NameResolutionError|ConnectTimeoutError|Temporary failure in name resolution|getaddrinfo failed"
    "|Network is unreachable|ProxyError|ReadTimeoutError|Connection refused|ConnectionResetError"
)
_CAUSES = (
    (
        "No space left on device|not enough space on the disk|Errno 28|WinError 112|Disk quota exceeded",
        "The disk is full. Free some space",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError",
        "The package server's certificate is not trusted here; a proxy of your company or school may be between. "
        "Ask its people for the certificate file, set PIP_CERT to its path",
    ),
    (_NETWORK, "There is no connection to the package server. Check the network (or the proxy)"),
    (
        "WinError 32|WinError 5|being used by another process|Access is denied",
        "A file is in use. Quit REAPER and programs that run acestep-bridge (a daemon: `acestep-bridge daemon stop`, "
        "and `acestep-bridge service uninstall` where it starts with your login)",
    ),
    ("Permission denied|PermissionError|Read-only file system", "This folder cannot be written. Move it elsewhere"),
)
_NO_BUILD = re.compile(r"No matching distribution found for ([A-Za-z0-9._-]+)")


def cause_of(text: str, python: str) -> str:
    """The cause of pip's failure as a sentence with the remedy. `python` is such as `3.12 on Linux x86_64`."""
    for pattern, sentence in _CAUSES:
        if re.search(pattern, text):
            return f"{sentence}, then run the same command again: it goes on where it stopped."
    missing = _NO_BUILD.search(text)
    if missing:
        return (
            f"{missing[1]} has no build for Python {python}. Install Python 3.12 or 3.13 from python.org and run "
            "this with it (on Windows: py -3.12 run.py ...)."
        )
    return "Run the same command again: it goes on where it stopped. If it fails again, send the log."
