"""For all tests: signals, workers, how long they are, and which of them run."""

import gc
import os
import signal
import sys
from typing import Any

import platformdirs
import psutil
import pytest
from hypothesis import is_hypothesis_test, settings

from tests.support import longer
from tests.support.examples import LONG, SUITE

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a shell that started this in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.load_profile(SUITE)

# workers, daemons and commands, hundreds of processes, would compile every module and rewrite every assertion again
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

os.environ.setdefault("ACESTEP_PRODUCTS", "onednn")  # tests do not depend on what a processor does best

# homes of tests are empty, and matplotlib would look through all fonts again in each
os.environ.setdefault("MPLCONFIGDIR", platformdirs.user_cache_dir("matplotlib"))

WORKER_BYTES = 1.5e9  # of a process that runs tests, with torch, and of the daemons that it starts
if "PYTEST_XDIST_WORKER" in os.environ:  # torch's threads would take the processors from the other workers
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    words = (
        "run what the suite leaves out (tests/support/longer.py): all, or one case of what it leaves out in all cases"
    )
    parser.addoption("--long", choices=("all", "some"), help=words)


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis makes all its examples in the whole of the longer check."""
    if config.getoption("--long") == "all":
        settings.load_profile(LONG)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The suite's tests, or those of the longer check; a test that is named by its id runs in any case."""
    items.sort(key=lambda item: longer.place(item.nodeid))
    share = config.getoption("--long")
    if any("::" in word for word in config.args):
        return
    left_out = longer.left_out(item.nodeid for item in items)
    if share:
        missing = longer.stale(item.nodeid for item in items)
        if missing and config.args == config.getini("testpaths"):  # nothing but what is named was collected otherwise
            raise pytest.UsageError(f"tests/support/longer.py names what is not there: {', '.join(missing)}")
        names = {item.nodeid for item in items if item.nodeid in left_out or (share == "all" and _is_property(item))}
        if share == "some":
            ids = [item.nodeid for item in items]
            names = set(longer.some_of([i for i in ids if i in names], [i for i in ids if i not in names]))
    else:
        names = {item.nodeid for item in items} - left_out
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in names])
    items[:] = [item for item in items if item.nodeid in names]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """What is loaded and collected stays to the end: looking for cycles among it took a tenth of all tests' time."""
    gc.freeze()
    gc.set_threshold(10_000)


def _is_property(item: pytest.Item) -> bool:
    return is_hypothesis_test(getattr(item, "obj", None))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Whole files to a worker, and files that share a dear daemon to one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return longer.together(nodeid)

    return Scheduling(config, log)


def pytest_xdist_auto_num_workers() -> int:
    """With `-n auto`: one worker a processor, while memory admits them; each costs ten seconds of collecting tests."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(processors, 8, int(psutil.virtual_memory().available / WORKER_BYTES)))
