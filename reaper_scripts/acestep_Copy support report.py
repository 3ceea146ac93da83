# @description Copy support report
# @version 0.1.0
# @author acestep
# @about Versions, settings and the log, to send with a question.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, job_actions

entry.guarded(lambda: job_actions.support_report())
