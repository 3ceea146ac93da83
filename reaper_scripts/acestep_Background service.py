# @description Background service (started by the other actions)
# @version 0.1.0
# @author acestep
# @about Talks to the ACE-Step daemon and places results. The other actions start it; there is no need to run it.
# @changelog First version
# @provides
#   [main] .

from acestep_reaper.background import service as acestep_background

acestep_background.start()
