# @description Do it again (new seed)
# @version 0.1.0
# @author acestep
# @about Makes the take again from its recipe with a new seed.
# @changelog First version
# @provides
#   [main] .
#   [nomain] acestep_reaper/**/*.py
#   [nomain] acestep_Background service.py

from acestep_reaper.actions import entry, renders

entry.guarded(lambda: renders.again(new_seed=True))
