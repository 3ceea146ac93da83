"""The process between the daemon and a Ray cluster: actors that render, one per place. Ray is imported only here."""
