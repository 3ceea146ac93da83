"""The daemon as the controller needs it: followed, started again, its jobs in words."""
