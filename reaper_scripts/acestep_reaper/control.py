"""Commands to the background script other than renders: cancel, hello, resume."""

from . import records, status


def obey(service, command):
    """Does one command; `service` is background.Service."""
    if command["op"] == "cancel":
        _cancel(service, command.get("which", "last"))


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
