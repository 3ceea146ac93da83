# @description Regenerate time selection as new take (dialog)
# @version 0.1.0
# @author acestep
# @about Asks for tags, lyrics and seed, then regenerates the selected range as a new take.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry

entry.guarded(lambda: entry.regenerate("take", ask=True))
