# @description Regenerate with preset 6
# @version 0.1.0
# @author acestep
# @about The time selection as a new take, with preset 6: tags, seed and all that the preset holds.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry

entry.guarded(lambda: entry.regenerate_with(6))
