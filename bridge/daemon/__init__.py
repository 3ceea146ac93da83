"""The daemon: queue, store, engine process and sockets in one asyncio process. Never imports torch."""
