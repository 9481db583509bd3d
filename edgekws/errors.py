"""The one exception for mistakes a user can mend."""


class UserError(Exception):
    """A mistake of the user's or of the data, told in one line: what was expected, what came, what to do.

    The command line prints the message and exits with status 2; no traceback is shown.
    """
