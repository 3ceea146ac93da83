"""The process that renders: one a device, started and watched by the daemon. Only `renderer` loads torch."""
