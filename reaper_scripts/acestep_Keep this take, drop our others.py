# @description Keep this take, drop our others
# @version 0.1.0
# @author acestep
# @about Keeps the take that plays and drops the others that ACE-Step made; your own takes stay. Undo brings all back.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, take_actions

entry.guarded(lambda: take_actions.keep())
