"""Carries out commands of entry scripts other than renders: cancel, look again, what setup tells the daemon."""

import uuid

from .. import VERSION
from ..jobs.commands import Cancel, Look, Register
from ..jobs.job import APP
from ..state import status
from . import records

LISTED = 40


def obey(service, command):
    """Does one command; `service` is background.Service."""
    if isinstance(command, Cancel):
        _cancel(service, command.which)
    elif isinstance(command, Register):
        _register(service, command.actions)
    elif isinstance(command, Look):
        service.given_up.clear()
        service.look(status.problem)


def _cancel(service, which):
    running = [b for b in service.batches if not b.ready]
    if not running:
        _cancel_at_daemon(service.daemon, which)
        return
    for batch in running if which == "all" else running[-1:]:
        for part in batch.parts:
            if not part.ended:
                part.cancel(service.daemon)
                records.add([part.job_id])
    status.show("cancelling")


def _cancel_at_daemon(daemon, which):
    """Jobs from before REAPER was started last; a daemon is not started for it."""
    started, daemon.may_start = daemon.may_start, False

    def listed(reply):
        daemon.may_start = started
        ours = [j for j in reply["jobs"] if j["client_data"].get("app") == APP and j["state"] in ("queued", "running")]
        newest = ours[0]["client_data"].get("batch") if ours else ""
        for job in ours if which == "all" else [j for j in ours if j["client_data"].get("batch") == newest]:
            content = {"job_id": job["job_id"], "request_id": uuid.uuid4().hex}
            daemon.request("cancel", content, lambda job: None, status.problem)
            records.add([job["job_id"]])
        status.show("cancelling" if ours else "nothing to cancel")

    def down(error):
        daemon.may_start = started
        status.show("nothing to cancel: the daemon does not run")

    daemon.request("list", {"limit": LISTED}, listed, down)


def _register(service, actions):
    """Tells the daemon the named command ids, and says who answered."""
    content = {"action": "set", "values": {"reaper_actions": actions}, "request_id": uuid.uuid4().hex}
    service.daemon.request("controls", content, lambda answer: None, status.problem)
    service.daemon.request("hello", {"client": "REAPER"}, _greeted, status.problem)


def _greeted(hello):
    model = (hello.get("model") or {}).get("description") or "no model"
    version = hello.get("package_version", "")
    if version != VERSION:
        status.problem(
            "The scripts are version %s, the daemon is %s. Run 'acestep-bridge reaper install' with REAPER closed"
            % (VERSION, version)
        )
        return
    if hello.get("updated"):
        status.problem("The software was updated while its daemon ran. Run 'acestep-bridge daemon stop' and try again")
        return
    status.show("daemon %s answers, %s" % (version, model))
