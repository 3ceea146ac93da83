"""Errors that a user may read. Every message says what happened; `remedy` says what to do."""


class UserError(Exception):
    """Shown in the non-modal line, never in a dialog."""

    def __init__(self, message, remedy=""):
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self):
        return "%s. %s" % (self.message, self.remedy) if self.remedy else self.message


class ConnectionLost(UserError):
    """The daemon went away, or spoke something that is not our protocol."""


class DaemonError(UserError):
    """The daemon refused a request; `code` is the protocol's error code."""

    def __init__(self, message, remedy="", code=""):
        super().__init__(message, remedy)
        self.code = code
