"""A ReaScript that runs the background script and notes what each tick did, how long it took, how much of that was
spent in REAPER's API, and the processor time without the API.

It is a text here, since it lies among the scripts of the bench's fake REAPER.
"""

PROBE = """
import ctypes, sys, time
from acestep_reaper.background import service as acestep_background
from acestep_reaper.results import placing
from acestep_reaper.source import capture

spent, calls, placed = [], [0.0, 0.0], [0]


def timed(function):
    def call(*arguments):
        start, processor = time.perf_counter(), time.thread_time()
        found = function(*arguments)
        calls[0] += time.perf_counter() - start
        calls[1] += time.thread_time() - processor
        return found
    return call


class TimedC(object):
    def __getattr__(self, name):
        return getattr(ctypes, name)

    def CFUNCTYPE(self, *types):
        kind = ctypes.CFUNCTYPE(*types)
        return lambda address: timed(kind(address))


for name, module in list(sys.modules.items()):
    if name.startswith("acestep_reaper"):
        for key, value in list(vars(module).items()):
            if key.startswith("RPR_"):
                setattr(module, key, timed(value))
capture.ctypes = TimedC()
place = placing.place


def noted(title, parts):
    placed[0] += 1
    return place(title, parts)


placing.place = noted


def kind_of(service):
    parts = [p for b in service.batches for p in b.parts]
    if not parts:
        return "idle"
    if any(p.state in ("new", "capturing") for p in parts):
        return "capturing"
    return "making_files" if all(p.ended for p in parts) else "waiting"


acestep_background.start()
inner = acestep_background.tick


def tick():
    service = acestep_background._service
    if RPR_GetExtState("bench", "end"):
        RPR_SetExtState("bench", "spent", repr(spent), 0)
        return
    kind, before, calls[:] = kind_of(service), placed[0], [0.0, 0.0]
    queued = RPR_GetExtState("acestep", "queue")
    start, processor = time.perf_counter(), time.thread_time()
    inner()
    whole, processor = time.perf_counter() - start, time.thread_time() - processor
    if placed[0] > before:
        kind = "placing"
    elif queued:
        kind = "taking_a_command"
    spent.append((kind, whole, calls[0], processor - calls[1]))


acestep_background.tick = tick
"""
