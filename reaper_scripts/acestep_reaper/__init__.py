"""What the ACE-Step ReaScripts share: standard library only, Python 3.8 syntax, ASCII sources."""

VERSION = "0.1.0"
