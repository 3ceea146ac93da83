# @description Add instrument to time selection
# @version 0.1.0
# @author acestep
# @about One more instrument for what the track plays, as an item on a new track.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, instruments

entry.guarded(lambda: instruments.add())
