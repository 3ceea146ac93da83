"""From a command to a file: the daemon for it, the job, where the audio goes, and the recipe that makes it again."""
