"""REAPER beside the controller: our actions run there, its project told here."""
