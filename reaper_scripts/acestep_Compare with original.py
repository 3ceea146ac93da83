# @description Compare with original
# @version 0.1.0
# @author acestep
# @about Switches between the take and what it was made from.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, take_actions

entry.guarded(lambda: take_actions.compare())
