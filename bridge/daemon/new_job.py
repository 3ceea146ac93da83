"""The job of a request: what is settled once, when it is submitted. Knows no store."""

from __future__ import annotations

import secrets
import time

from bridge.daemon.dispatch import Peer
from bridge.files import SourceFile
from bridge.jobs import Job
from bridge.jobs.job import new_job_id
from engine.constants import SEED_MODULUS
from engine.requests import Request, to_dict

Sources = dict[str, SourceFile]  # by the request's field


def job_for(request: Request, model: str, peer: Peer, sources: Sources) -> Job:
    """The job of a request whose values and audio were checked. Its seed is fixed here, so that a second run is equal.

    The second seed too, where the task keeps the first.
    """
    values = to_dict(request)
    client_data = values.pop("client_data", None) or {}
    priority = int(values.pop("priority", 0))
    values.pop("request_id", None)
    values.setdefault("seed", secrets.randbelow(SEED_MODULUS))
    if request.keeps_seed:
        values.setdefault("retake_seed", secrets.randbelow(SEED_MODULUS))
    values |= {field: str(source.path) for field, source in sources.items()}
    values["model"] = model
    return Job(
        job_id=new_job_id(time.time(), peer.mark),
        task=type(request).task,
        request=values,
        owner=peer.name,
        model=model,
        priority=priority,
        client_data=client_data,
    )
