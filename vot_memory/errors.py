"""The one exception that means "the input is wrong", as opposed to "the program is wrong"."""


class InputError(Exception):
    """Bad input from outside: one sentence that says what is wrong, where, and how to mend it.

    The command line prints the sentence without a traceback and exits with code 2.
    """
