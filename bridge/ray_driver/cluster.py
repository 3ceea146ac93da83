"""Ray's node on this machine: joined, and lost. A driver whose node is gone cannot join again; a new process can."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any, NoReturn

import ray
import ray.exceptions

logger = logging.getLogger("bridge.ray_driver")
_NAMESPACE = "acestep-bridge"


class ClusterGone(Exception):
    """The node that this process had joined is gone."""


def connect(address: str, workers: int = 0) -> None:
    """Join a cluster, or start one of this machine alone, on loopback. Raises what Ray raises."""
    options: dict[str, Any] = {"namespace": _NAMESPACE, "log_to_driver": False, "logging_level": logging.WARNING}
    if own := own_address(address):
        options["_node_ip_address"] = own
    if address:
        ray.init(address=address, **options)
    else:
        places = max(workers, os.cpu_count() or 1)  # an actor takes one of them
        ray.init(address="local", _node_ip_address="127.0.0.1", include_dashboard=False, num_cpus=places, **options)


def own_address(cluster: str) -> str:
    """This machine's address towards a head `HOST:PORT`; "" where none is named, or it is this one. Nothing is sent.

    Ray asks which way the internet lies, and in a network without one takes what the machine's name stands for: actors
    elsewhere then have nobody to tell their steps to, and die.
    """
    host, _, port = cluster.rpartition(":")
    if not host or not port.isdigit():
        return ""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as looks:
            looks.connect((host, int(port)))
            own = str(looks.getsockname()[0])
    except OSError:
        return ""
    return "" if own.startswith("127.") else own  # a head on this machine may have nodes on others


def get(reference: Any, timeout: float | None = None) -> Any:
    """What a reference stands for. Raises ClusterGone, and what Ray raises for an actor that is gone."""
    try:
        return ray.get(reference, timeout=timeout)
    except (OSError, ray.exceptions.RaySystemError) as error:
        raise ClusterGone(str(error)) from error


def gpus() -> int:
    """How many GPUs the cluster has."""
    module: Any = ray  # some releases have no types here
    return int(module.cluster_resources().get("GPU", 0))


def check_own_node() -> None:
    """Raises ClusterGone where the node that this process has joined is gone: its actors end with it, and new ones are
    asked for in vain, which Ray does not say.
    """
    own = ray.get_runtime_context().get_node_id()
    if not any(node["NodeID"] == own and node["Alive"] for node in ray.nodes()):
        raise ClusterGone("the node that was joined is gone")


def give_up(reason: str) -> NoReturn:
    """End this process: the daemon starts a new one, which joins again, and hands out the jobs again."""
    logger.error("the cluster is gone: %s", reason)
    os._exit(3)
