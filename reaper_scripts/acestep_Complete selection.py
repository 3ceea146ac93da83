# @description Complete selection
# @version 0.1.0
# @author acestep
# @about The selected items with further instruments, as new takes.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, instruments

entry.guarded(lambda: instruments.complete())
