# @description Regenerate time selection on new track
# @version 0.1.0
# @author acestep
# @about Regenerates the selected range and places it with crossfades on a new track below.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry

entry.guarded(lambda: entry.regenerate("track"))
