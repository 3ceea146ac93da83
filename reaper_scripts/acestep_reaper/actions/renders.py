"""Entry actions that render something other than a region: retake, extend, remix, lyrics, generate, again."""

import json
from dataclasses import replace

from reaper_python import *

from ..errors import UserError
from ..jobs.made_from import MadeFrom
from ..jobs.target import Again, Target
from ..project import locks, takes, tempo
from ..project.objects import (
    find_take,
    find_track,
    is_null,
    item_text,
    selected_tracks,
    span,
    take_anywhere,
    take_text,
    track_guid,
    tracks,
)
from ..source import material
from ..state import settings
from . import dialogs
from .entry import render, words
from .targets import cursor_item, heard_items, item_target, joined, on_new_track, one_item, time_selection

NO_RECIPE = "This take has no recipe of ours"


def whole_target(item, edges=False):
    """A target that covers an item; a locked one is only read, the result comes on a new track."""
    if is_null(RPR_GetActiveTake(item)):
        raise UserError("The item is empty", "Select an item with audio")
    target, reason = item_target(item, *span(item)), locks.why(item, edges)
    return on_new_track(target, reason) if reason else target


def _recipe(item):
    """The recipe of the item's active take, or None."""
    try:
        recipe = json.loads(takes.recipe_text(RPR_GetActiveTake(item)) or "null")
    except ValueError:
        return None
    return recipe if recipe and "request" in recipe else None


def _tags_of(item, values):
    recipe = _recipe(item)
    return (recipe["request"].get("tags") if recipe else "") or values["tags"]


def _recipe_request(recipe, **changes):
    """(task, request) that makes a recipe again, with changes."""
    request = dict(recipe["request"])
    task = request.pop("task", "text-to-audio")
    request.pop("audio", None)
    name = (recipe.get("model") or {}).get("name")
    if name:
        request["model"] = name
    request.update(changes)
    return task, request


def _came_from(take):
    """What a take of ours keeps of its job."""
    return MadeFrom.from_text(take_text(take, "P_EXT:acestep_from"))


def _recipe_target(item, recipe):
    """Where the result of a recipe belongs: its original take, and the range it made."""
    active = RPR_GetActiveTake(item)
    target, came = whole_target(item), _came_from(active)
    if came.kind == "group":
        raise UserError("This take was made over several items at once", "Select them and regenerate the range")
    if came.kind == "track":
        return _captured_target(target, came)
    if recipe["request"].get("task", "text-to-audio") in material.WITHOUT_SOURCE:
        return replace(target, into=True)
    original = take_text(active, "P_EXT:acestep_original")
    old = find_take(item, original) if original else None
    if recipe["request"]["task"] != "inpaint":
        return _again_target(target, (item, old) if old else take_anywhere(original), came)
    if old:
        target.take = original
    take = old or active
    begin, rate = takes.anchor(item, take), takes.value(take, "D_PLAYRATE") or 1.0
    origin = 0.0 if old else came.origin
    start, end = (recipe["request"][name] - origin for name in ("start_time", "end_time"))
    return replace(target, start=begin + start / rate, end=begin + end / rate)


def _again_target(target, found, came):
    """A take made from a whole item, of whatever track: the same stretch of the original's file is sent again."""
    if found is None:
        raise UserError("The take that this one was made from is gone", "Undo until it is back, or remix this take")
    item, old = found
    return replace(target, into=True, again=Again(take_text(old, "GUID"), came.source, item_text(item, "GUID")))


def _captured_target(target, came):
    """A take made from what a track played: it is read from that track again, and added to the same item."""
    if find_track(came.track) is None:
        raise UserError("The track that this take was made from is gone", "Undo its removal, or regenerate again")
    return replace(target, into=True, track=came.track, start=came.start, end=came.end, capture=came.capture)


def retake():
    """A variation of the take under the edit cursor: from its recipe, or from its sound where it has none."""
    item = cursor_item()
    recipe, values = _recipe(item), settings.load()
    if recipe is None:
        _reference(item, values)
        return
    task, request = _recipe_request(recipe, variance=float(values["variance"] or 0.5))
    request.pop("retake_seed", None)
    if task in ("text-to-audio", "retake"):
        task = "retake"
    elif task != "inpaint":
        request.pop("variance", None)
        request.pop("seed", None)
    render("retake", task, "take", [_recipe_target(item, recipe)], request)


def _reference(item, values):
    if words(False, "ACE-Step: retake") is None:
        return
    values = settings.load()
    request = settings.request_fields(values, "audio-to-audio")
    request.update(edit_mode="reference", original_tags=values["tags"],
                   strength=1.0 - float(values["variance"] or 0.5))  # fmt: skip
    target = whole_target(item)
    target.note("The take has no recipe: made from its sound")
    render("retake from the sound", "audio-to-audio", "take", [target], request)


def extend(side):
    """Extends an item before or after, out to the time selection."""
    item, selection = one_item(), time_selection()
    start, end = span(item)
    if not selection:
        raise UserError("No time is selected", "Select up to where the item should reach")
    amount = start - selection[0] if side == "before" else selection[1] - end
    if amount < 0.05:
        raise UserError(
            "The time selection does not reach beyond the item", "Select from the item to where it should reach"
        )
    values = words(False, "ACE-Step: extend")
    if values is None:
        return
    request = settings.request_fields(values, "outpaint")
    request["lyrics"] = dialogs.lyrics_text(values["lyrics"])
    request["extend_before_duration"] = amount if side == "before" else 0.0
    request["extend_after_duration"] = amount if side == "after" else 0.0
    target = replace(whole_target(item, edges=True), **{"extend_" + side: amount})
    render("extend %s" % side, "outpaint", "take", [target], request)


def remix():
    """The selected items in another style."""
    values = settings.load()
    chosen = heard_items() or [one_item()]
    answer = dialogs.ask(
        "ACE-Step: remix", [("Tags of the original", _tags_of(chosen[0], values)), ("Tags of the remix", "")]
    )
    if answer is None:
        return
    if not answer[1]:
        raise UserError("Tags are needed", "Say in a few words how the remix should sound")
    request = settings.request_fields(dict(values, tags=answer[1]), "audio-to-audio")
    request.update(edit_mode="remix", original_tags=answer[0])
    render("remix", "audio-to-audio", "take", joined([whole_target(i) for i in chosen]), request)


def lyrics():
    """Other words for the selected take."""
    item, values = one_item(), settings.load()
    recipe = _recipe(item)
    before = (recipe["request"].get("lyrics", "") if recipe else "").replace("\n", " / ")
    answer = dialogs.ask(
        "ACE-Step: edit lyrics (/ = new line)",
        [("Tags", _tags_of(item, values)), ("Lyrics now", before), ("New lyrics", before)],
    )
    if answer is None:
        return
    request = settings.request_fields(dict(values, tags=answer[0]), "audio-to-audio")
    request.update(edit_mode="lyrics", original_tags=answer[0], original_lyrics=dialogs.lyrics_text(answer[1]),
                   lyrics=dialogs.lyrics_text(answer[2]))  # fmt: skip
    render("edit lyrics", "audio-to-audio", "take", [whole_target(item)], request)


def _empty_target(values):
    """The time selection (or the usual length at the cursor) below the first selected track, or at the end."""
    cursor = RPR_GetCursorPositionEx(0)
    start, end = time_selection() or (cursor, cursor + float(values["duration"] or 20.0))
    if settings.yes(values, "snap_to_bars") and time_selection():
        start, end = tempo.snapped(start, end)
    chosen = selected_tracks()[:1] or tracks()[-1:]
    guid = track_guid(chosen[0]) if chosen else ""
    return Target(guid, "", "", start, end, "generated")


def generate():
    """Music from tags at the time selection, as an item on a new track."""
    values = words(False, "ACE-Step: generate")
    if values is None:
        return
    target = _empty_target(values)
    request = settings.request_fields(values, "text-to-audio")
    request.update(lyrics=dialogs.lyrics_text(values["lyrics"]), duration=target.end - target.start)
    render("generate", "text-to-audio", "track", [target], request)


def generate_from_prompt():
    """Music from a description in plain words."""
    values = settings.load()
    answer = dialogs.ask("ACE-Step: generate", [("Describe the music", "")])
    if answer is None:
        return
    if not answer[0]:
        raise UserError("A description is needed", "Say in a sentence what the music should be")
    target = _empty_target(values)
    request = settings.request_fields(values, "prompt-to-audio")
    request.pop("tags")
    request.update(prompt=answer[0], duration=target.end - target.start)
    render("generate from a prompt", "prompt-to-audio", "track", [target], request)


def again(new_seed):
    """Makes the take again from its recipe, with the same seed or a new one."""
    item = one_item()
    recipe = _recipe(item)
    if recipe is None:
        raise UserError(NO_RECIPE, "Select a take that was made by ACE-Step")
    task, request = _recipe_request(recipe)
    if new_seed:
        request.pop("seed", None)
        request.pop("retake_seed", None)
    title = "again with a new seed" if new_seed else "again with the same seed"
    render(title, task, "take", [_recipe_target(item, recipe)], request, recipe=True)


def item_lyrics(item):
    """An item's notes, which hold lyrics for region batches."""
    return item_text(item, "P_NOTES").strip()
