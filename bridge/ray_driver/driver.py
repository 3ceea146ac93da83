"""The daemon's orders, handed to the actors of a cluster; what dies is said, so that the daemon hands it out again."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from pathlib import Path

import msgspec
import ray
import ray.exceptions

from bridge.engine_process import wire
from bridge.engine_process.line import Line
from bridge.files.store import AudioStore, hash_file
from bridge.protocol.errors import ErrorContent, RequestFailed, content_of
from bridge.ray_driver.cluster import ClusterGone, get, give_up
from bridge.ray_driver.places import Place, Places

logger = logging.getLogger("bridge.ray_driver")
GONE = (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError, ray.exceptions.ObjectLostError)
Files = dict[str, tuple[str, str]]  # request field -> (SHA-256, suffix)
_EVENT = wire.Done | wire.Failed | wire.Stopped | wire.StepDone | wire.LogText | wire.Loaded | wire.LoadFailed


class Driver:
    """One thread per job that runs or waits for a place."""

    def __init__(self, line: Line, start: wire.Start) -> None:
        self._line = line
        self._store = AudioStore(Path(start.store))
        self._places = Places(start, self._tell_places)

    def obey(self, order: wire.Load | wire.RenderJob | wire.AbandonJob) -> None:
        """Begin what the daemon ordered."""
        if isinstance(order, wire.AbandonJob):
            self._places.abandon(order.job_id)
            return
        work = self._load if isinstance(order, wire.Load) else self._render
        threading.Thread(target=work, args=(order,), daemon=True).start()

    def close(self) -> None:
        """End the actors; jobs that they are at are not told."""
        self._places.close()

    def _tell_places(self, count: int, problems: list[str]) -> None:
        logger.info("%d places %s", count, "; ".join(problems))
        self._line.say(wire.Places(count=count, problems=problems))

    def _load(self, order: wire.Load) -> None:
        try:
            place = self._places.take("load", order.model, threading.Event(), unlike=True)
        except RequestFailed as error:
            self._line.say(wire.LoadFailed(model=order.model, error=content_of(error)))
            return
        if place is None:
            return
        try:
            message, _ = get(place.actor.load.remote(order.model))
            self._line.say(msgspec.json.decode(message, type=_EVENT))
            place.model = order.model
        except GONE:
            self._places.lose(place)
            self._line.say(wire.LoadFailed(model=order.model, error=_lost("while it loaded")))
        finally:
            self._places.give_back(place)

    def _render(self, job: wire.RenderJob) -> None:
        cancel = self._line.begin(job.job_id)
        outcome: wire.Said
        try:
            outcome = self._rendered_somewhere(job, cancel)
        except ClusterGone as error:
            give_up(str(error))
        except RequestFailed as error:
            outcome = wire.Failed(job_id=job.job_id, error=content_of(error))
        self._line.end(job.job_id)
        self._line.say(outcome)

    def _rendered_somewhere(self, job: wire.RenderJob, cancel: threading.Event) -> wire.Said:
        """What came of it; where memory ran out, on a node that has more, if there is one."""
        more_than = 0
        while (place := self._places.take(job.job_id, job.model, cancel, more_than=more_than)) is not None:
            try:
                outcome = self._rendered_by(place, job, cancel)
            finally:
                self._places.give_back(place)
            if not _ran_out_of_memory(outcome) or not self._places.have_more(place):
                return outcome
            more_than = place.memory
            text = f"{place.host} ran out of memory ({more_than / 1e9:.1f} GB): on to a node that has more"
            self._line.say(wire.LogText(job_id=job.job_id, level="warning", text=text))
        return wire.Stopped(job_id=job.job_id)

    def _rendered_by(self, place: Place, job: wire.RenderJob, cancel: threading.Event) -> wire.Said:
        """What came of it, whatever happens to the actor. Raises ClusterGone."""
        begun = False
        try:
            files, new = self._files_for(place, job)
            begun = True  # it has answered: what dies from now on counts as an attempt
            outcome = self._rendered(job, place, files, new, cancel)
            place.model = job.model
            return outcome
        except GONE as error:
            self._places.lose(place)
            if cancel.is_set():
                return wire.Stopped(job_id=job.job_id)
            text = f"What rendered the job is gone ({place.host}): {type(error).__name__}."
            return wire.Lost(job_id=job.job_id, text=text, begun=begun)
        except ClusterGone:
            raise
        except Exception as error:
            logger.exception("job %s", job.job_id)
            return wire.Failed(job_id=job.job_id, error=content_of(error))

    def _files_for(self, place: Place, job: wire.RenderJob) -> tuple[Files, dict[str, bytes]]:
        """What the job's files are called, and the bytes of those that are missing there. Raises as `_rendered`."""
        files = _files_of(job)
        missing = get(place.actor.has.remote([sha256 for sha256, _ in files.values()]))
        new = {sha256: Path(job.request[name]).read_bytes() for name, (sha256, _) in files.items() if sha256 in missing}
        return files, new

    def _rendered(
        self, job: wire.RenderJob, place: Place, files: Files, new: dict[str, bytes], cancel: threading.Event
    ) -> wire.Said:
        """Raises what Ray raises for an actor or a node that is gone."""
        finished = threading.Event()
        threading.Thread(target=_pass_on, args=(cancel, finished, place, job.job_id), daemon=True).start()
        order = msgspec.json.encode(job)
        try:
            for reference in place.actor.render.options(num_returns="streaming").remote(order, files, new):
                message, buffers = get(reference)
                event = msgspec.json.decode(message, type=_EVENT)
                if isinstance(event, wire.Done):
                    return self._kept(event, buffers)
                if isinstance(event, wire.Failed | wire.Stopped):
                    return event
                self._line.say(event)
        finally:
            finished.set()
        raise ray.exceptions.RayActorError(error_msg="The actor ended without an outcome.")

    def _kept(self, done: wire.Done, buffers: list[bytes]) -> wire.Done:
        """The results, in the daemon's store."""
        results = []
        for entry, data in zip(done.results, buffers, strict=True):
            sha256, path = self._store.put(data, Path(entry.audio.file_name).suffix, entry.audio.sha256)
            audio = msgspec.structs.replace(entry.audio, path=str(path), sha256=sha256)
            results.append(msgspec.structs.replace(entry, audio=audio))
        return msgspec.structs.replace(done, results=results)


def _ran_out_of_memory(outcome: wire.Said) -> bool:
    return isinstance(outcome, wire.Failed) and outcome.error.code == "out_of_memory"


def _files_of(job: wire.RenderJob) -> Files:
    """Of every field that names a file of this machine."""
    paths = {
        n: Path(v) for n, v in job.request.items() if isinstance(v, str) and os.path.isabs(v) and os.path.isfile(v)
    }
    known = {"audio": job.source_sha256} if job.source_sha256 else {}
    return {name: (known.get(name) or hash_file(path), path.suffix) for name, path in paths.items()}


def _pass_on(cancel: threading.Event, finished: threading.Event, place: Place, job_id: str) -> None:
    while not finished.is_set():
        if cancel.wait(0.05) and not finished.is_set():
            with contextlib.suppress(*GONE, ClusterGone):
                get(place.actor.cancel.remote(job_id))
            return


def _lost(when: str) -> ErrorContent:
    remedy = "`acestep-bridge doctor` shows the cluster."
    return ErrorContent(code="engine_unavailable", message=f"The actor ended {when}. {remedy}", remedy=remedy)
