# @description Extend item before to time selection
# @version 0.1.0
# @author acestep
# @about New music before the item, out to the start of the time selection.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, renders

entry.guarded(lambda: renders.extend("before"))
