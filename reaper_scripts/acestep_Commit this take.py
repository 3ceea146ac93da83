# @description Commit this take
# @version 0.1.0
# @author acestep
# @about Keeps the active take and drops the others; undo brings them back.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, take_actions

entry.guarded(lambda: take_actions.commit())
