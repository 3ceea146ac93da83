# @description Previous take
# @version 0.1.0
# @author acestep
# @about The previous take of the selected items.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, take_actions

entry.guarded(lambda: take_actions.step(-1))
