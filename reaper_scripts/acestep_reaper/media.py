"""Files beside the project: names that are never taken, copies made a little at a time."""

import os

from .errors import UserError
from .paths import fs

CHUNK_BYTES = 1 << 21


def safe_stem(name):
    """A file name's stem that every system takes and a project file can quote."""
    stem = "".join("_" if c in "<>:\"/\\|?*'`" or ord(c) < 32 else c for c in name).strip(" .")
    return stem[:80] or "audio"


def stem_of(path):
    """The stem of a file, without an earlier number of ours."""
    stem = os.path.splitext(path.replace("\\", "/").rpartition("/")[2])[0]
    return stem.partition(" acestep ")[0]


def remove(path):
    """Removes a file of ours that was never placed; one that is gone already is no error."""
    try:
        os.remove(fs(path))
    except OSError:
        pass


class Copy(object):
    """Copies a file into a folder under a new name, a chunk a `step`. Removed again by `discard`."""

    def __init__(self, source, folder, stem):
        os.makedirs(fs(folder), exist_ok=True)
        self._from = open(fs(source), "rb")
        self.path, self._to = self._create(folder, stem, os.path.splitext(source)[1] or ".wav")
        self.done = False

    @staticmethod
    def _create(folder, stem, suffix):
        for number in range(1, 10000):
            path = os.path.join(folder, "%s acestep %02d%s" % (safe_stem(stem), number, suffix))
            try:
                return path, open(fs(path), "xb")
            except FileExistsError:
                continue
        raise UserError("There are 9999 takes of %s" % stem, "Clean up the folder %s" % folder)

    def step(self):
        """Copies one chunk; True when the file is complete. UserError when the disk is full."""
        try:
            data = self._from.read(CHUNK_BYTES)
            if data:
                self._to.write(data)
                return False
            self._to.close()
        except OSError as error:
            self.discard()
            raise UserError("The new take could not be written (%s)" % error.strerror, "Free some disk space")
        self._from.close()
        self.done = True
        return True

    def discard(self):
        """Closes and removes what was written; a file that was placed is never discarded."""
        self._from.close()
        try:
            self._to.close()
        except OSError:
            pass
        remove(self.path)
