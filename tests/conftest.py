"""For all tests. A shell that starts a command in the background lets it ignore Ctrl+C, and so do its children."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
