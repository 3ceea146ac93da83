# @description Generate at time selection from tags
# @version 0.1.0
# @author acestep
# @about New music from tags, as an item on a new track.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, renders

entry.guarded(lambda: renders.generate())
