"""The process that renders: one per device, started and watched by the daemon. Only `renderer` loads torch."""
