# @description Regenerate regions by name
# @version 0.1.0
# @author acestep
# @about Every region named 'ace: tags' on the selected tracks, as one batch.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, regions

entry.guarded(lambda: regions.regenerate())
