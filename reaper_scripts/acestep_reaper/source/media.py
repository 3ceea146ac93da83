"""Files made a little at a time: names that are never taken, whole or not there at all."""

import errno
import os
import time

from ..errors import UserError
from ..paths import fs, text
from . import wave_file

ENDINGS = ("wav", "wave", "aif", "aiff", "flac", "mp3", "ogg", "opus", "m4a", "mp4", "mov", "wv")
CHUNK_BYTES = 1 << 16
BUDGET_SECONDS = 0.0015


def safe_stem(name):
    """A file name's stem that every system takes and a project file can quote."""
    stem = "".join("_" if c in "<>:\"/\\|?*'`" or ord(c) < 32 else c for c in name).strip(" .")
    return stem[:80] or "audio"


def stem_of(path):
    """The stem of a file, without an earlier number of ours."""
    stem = os.path.splitext(path.replace("\\", "/").rpartition("/")[2])[0]
    return stem.partition(" acestep ")[0]


def stem_of_name(name):
    """A file's stem for a take or track of that name, which is often a file's name itself."""
    stem, dot, ending = name.partition(" acestep ")[0].rpartition(".")
    named = stem if dot and ending.lower() in ENDINGS else name.partition(" acestep ")[0]
    return named.strip() or "generated"


def remove(path):
    """Removes a file of ours that was never placed; one that is gone already is no error."""
    try:
        os.remove(fs(path))
    except OSError:
        pass


def free_path(folder, stem, suffix):
    """A path that nobody has, claimed by an empty file."""
    try:
        os.makedirs(fs(folder), exist_ok=True)
        for number in range(1, 10000):
            path = os.path.join(folder, "%s acestep %02d%s" % (safe_stem(stem), number, suffix))
            try:
                open(fs(path), "xb").close()
                return path
            except FileExistsError:
                continue
    except OSError as error:
        raise UserError(
            "No file can be written to %s (%s)" % (folder, error.strerror),
            "Make the folder writable, or save the project elsewhere",
        )
    raise UserError("There are 9999 takes of %s" % stem, "Remove takes that no project needs from %s" % folder)


class Assembly(object):
    """Writes `head`, then stretches of other files, then `tail`, to `path` by way of a temporary name.

    `segments` are (path, byte offset, bytes; None: to the end). `step` works for a few milliseconds.
    """

    def __init__(self, path, head=b"", segments=(), tail=b""):
        self.path = path
        self._temporary = path + ".part"
        self._segments = [s for s in segments if s[2] != 0]
        self._head, self._tail = head, tail
        self._from = self._to = None
        self._left = 0

    def step(self):
        """True when the file is complete. UserError when the disk is full or a source is gone."""
        end = time.perf_counter() + BUDGET_SECONDS
        try:
            if self._to is None:
                self._to = open(fs(self._temporary), "wb")
                self._reserve()
                self._to.write(self._head)
            while self._chunk():
                if time.perf_counter() >= end:
                    return False
            self._to.write(self._tail)
            self._to.truncate()
            self._to.close()
            os.replace(fs(self._temporary), fs(self.path))
        except OSError as error:
            self.discard()
            where = text(error.filename) if error.filename else self.path
            remedy = (
                "Free some disk space"
                if error.errno == errno.ENOSPC
                else "See whether %s is there and may be written" % where
            )
            raise UserError("The new take could not be written (%s)" % error.strerror, remedy)
        return True

    def _reserve(self):
        """Room for all of it at once, where a system can: its last step then does not wait for the disk."""
        if hasattr(os, "posix_fallocate"):
            sizes = [os.path.getsize(fs(path)) - at if size is None else size for path, at, size in self._segments]
            try:
                os.posix_fallocate(self._to.fileno(), 0, len(self._head) + sum(sizes) + len(self._tail))
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise

    def _chunk(self):
        """Copies one chunk; False when nothing is left."""
        if self._from is None:
            if not self._segments:
                return False
            path, at, self._left = self._segments.pop(0)
            self._from = open(fs(path), "rb")
            self._from.seek(at)
        size = CHUNK_BYTES if self._left is None else min(CHUNK_BYTES, self._left)
        data = self._from.read(size)
        self._to.write(data)
        if self._left is not None:
            self._left -= len(data)
        if self._left == 0 or not data:
            if self._left:
                raise OSError(5, "the audio file is shorter than it was")
            self._from.close()
            self._from = None
        return True

    def discard(self):
        """Closes and removes what was written; a file that was placed is never discarded."""
        for stream in (self._from, self._to):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    pass
        self._from = self._to = None
        remove(self._temporary)
        remove(self.path)


def copy(source, path):
    """A copy of a whole file."""
    return Assembly(path, segments=[(source, 0, None)])


def cut(source, path, first, last):
    """Frames [first, last) of a wave_file.Wave as a file of the same format."""
    head = wave_file.header(source.format, last - first)
    return Assembly(path, head, [source.segment(first, last)], wave_file.padding(source.format, last - first))


def splice(source, clip, at, path, first, last):
    """Frames [first, last) of a Wave with `clip`, of the same format, in place from frame `at` on."""
    begin, end = max(first, min(at, last)), min(last, at + clip.frames)
    frames = last - first
    head = wave_file.header(source.format, frames, wave_file.beginning_at(clip.chunks, first, source.chunks))
    segments = [source.segment(first, begin), clip.segment(begin - at, end - at), source.segment(end, last)]
    return Assembly(path, head, segments, wave_file.padding(source.format, frames))
