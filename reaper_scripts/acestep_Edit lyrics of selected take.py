# @description Edit lyrics of selected take
# @version 0.1.0
# @author acestep
# @about The selected take with other words, as a new take.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, renders

entry.guarded(lambda: renders.lyrics())
