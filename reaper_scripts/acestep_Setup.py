# @description Setup
# @version 0.1.0
# @author acestep
# @about Registers the actions, checks Python and the daemon.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, job_actions

entry.guarded(lambda: job_actions.setup())
