"""Commands to the background script other than renders: cancel, and what setup tells the daemon."""

import uuid

from . import records, status


def obey(service, command):
    """Does one command; `service` is background.Service."""
    if command["op"] == "cancel":
        _cancel(service, command.get("which", "last"))
    elif command["op"] == "register":
        _register(service, command["actions"])
    elif command["op"] == "look":
        service.given_up.clear()
        service.look(status.problem)


def _cancel(service, which):
    running = [b for b in service.batches if not b.ready]
    if not running:
        status.show("nothing to cancel")
        return
    for batch in running if which == "all" else running[-1:]:
        for part in batch.parts:
            if not part.ended:
                part.cancel(service.daemon)
                records.add([part.job_id])
    status.show("cancelling")


def _register(service, actions):
    """Tells the daemon the named command ids, and says who answered."""
    content = {"action": "set", "values": {"reaper_actions": actions}, "request_id": uuid.uuid4().hex}
    service.daemon.request("controls", content, lambda answer: None, status.problem)
    service.daemon.request("hello", {"client": "REAPER"}, _greeted, status.problem)


def _greeted(hello):
    model = (hello.get("model") or {}).get("description") or "no model"
    status.show("daemon %s answers, %s" % (hello.get("package_version", ""), model))
