# @description Reject this take
# @version 0.1.0
# @author acestep
# @about Drops the active take and plays what it was made from.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, take_actions

entry.guarded(lambda: take_actions.reject())
