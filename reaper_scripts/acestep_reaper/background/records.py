"""Which jobs were placed or given up, so that none is placed twice after a restart of REAPER."""

from .. import log
from ..paths import in_home, read_json, write_json

_KEEP = 2000


def _path():
    return in_home("reaper_placed.json")


def load():
    """Ids of jobs that need nothing more."""
    return set((read_json(_path()) or {}).get("jobs", []))


def add(job_ids):
    """Remembers more of them; the oldest are forgotten."""
    kept = (read_json(_path()) or {}).get("jobs", [])
    kept += [j for j in job_ids if j and j not in kept]
    try:
        write_json(_path(), {"version": 1, "jobs": kept[-_KEEP:]})
    except OSError as error:
        log.write("records: %s" % error)
