# @description Retake
# @version 0.1.0
# @author acestep
# @about A variation of the selected take, or of the one under the edit cursor.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, renders

entry.guarded(lambda: renders.retake())
