"""A stateful fake of REAPER at its C ABI: what scripts see when they call `RPR_*`."""

from .api_application import ApplicationApi
from .api_items import split
from .api_project import ProjectApi, add_audio
from .core import Accessor
from .lanes import LaneApi
from .model import Content, Item, Marker, Project, Source, Take, Tempo, Track

__all__ = [
    "Accessor",
    "Content",
    "FakeReaper",
    "Item",
    "Marker",
    "Project",
    "Source",
    "Take",
    "Tempo",
    "Track",
    "add_audio",
    "split",
]


class FakeReaper(ProjectApi, LaneApi, ApplicationApi):
    """REAPER 7.78 with one empty project; `FakeReaper(folder)` keeps files under `folder`."""

    hidden: tuple[str, ...] = ("NF_GetSWSMarkerRegionSub",)  # what an older build, or one without SWS, does not have

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.resource_path = folder
        self.projects = [Project(path=f"{folder}/song.rpp", folder=folder)]
