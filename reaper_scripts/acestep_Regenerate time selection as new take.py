# @description Regenerate time selection as new take
# @version 0.1.0
# @author acestep
# @about Regenerates the selected range with ACE-Step and adds it as a take that is the same audio elsewhere.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry

entry.guarded(lambda: entry.regenerate("take"))
