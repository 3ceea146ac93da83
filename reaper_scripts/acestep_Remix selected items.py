# @description Remix selected items
# @version 0.1.0
# @author acestep
# @about The selected items in another style, as new takes.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, renders

entry.guarded(lambda: renders.remix())
