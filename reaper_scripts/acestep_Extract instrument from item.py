# @description Extract instrument from item
# @version 0.1.0
# @author acestep
# @about One instrument of the item alone, on a new track.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, instruments

entry.guarded(lambda: instruments.extract())
