"""Which project a job belongs to, whatever was saved: by its open tab, else by id, file or track.

The id in the project's external state is a hint only: REAPER gives back what was last *saved*.
"""

import uuid

from reaper_python import *

from .objects import TEXT_BYTES, find_track, is_null


def _id_of(project):
    return RPR_GetProjExtState(project, "acestep", "project_id", "", TEXT_BYTES)[4]


def _enum(index):
    """(pointer, file) of a tab; -1 is the active one."""
    try:
        project, _, path, _ = RPR_EnumProjects(index, "", TEXT_BYTES)
    except UnicodeDecodeError:  # a file's name that is no UTF-8
        project, path = RPR_EnumProjects(index, "", 0)[0], ""
    return project, path


def identity():
    """{"project", "project_file"} of the active project, for its jobs; it gets an id if it has none."""
    project_id = _id_of(0)
    if not project_id:
        project_id = uuid.uuid4().hex
        RPR_SetProjExtState(0, "acestep", "project_id", project_id)
    return {"project": project_id, "project_file": _enum(-1)[1]}


def active():
    """The active tab as something to compare: it changes when another one, or another file, is opened."""
    return _enum(-1)


def key():
    """The key that the user gave for this project, or an empty text."""
    return RPR_GetProjExtState(0, "acestep", "key", "", TEXT_BYTES)[4]


def set_key(text):
    RPR_SetProjExtState(0, "acestep", "key", text)


def _tabs_of(project_id):
    """The open tabs with an id: copies and projects from one template share it."""
    projects, index = [], 0
    while True:
        project, _ = _enum(index)
        if is_null(project):
            return projects
        if _id_of(project) == project_id:
            projects.append(project)
        index += 1


def is_here(job):
    """Whether the active project is the one that a job was made for."""
    here, path = _enum(-1)
    tabs = _tabs_of(job.project)
    if tabs and here not in tabs:
        return False
    if job.project_file and job.project_file == path:
        return True
    if find_track(job.track) is not None:
        return True
    # the id alone: a project that was unsaved then, or whose result needs no track
    return len(tabs) == 1 and not (job.project_file and job.track)
