class InputError(ValueError):
    """Something the user handed over can't be used: a file, a column, an option.

    The message is one line in the user's words: what was got, what was wanted, what to do.
    The command line prints it without a traceback and exits with code 2; anything else that
    escapes is a bug and exits with 1.
    """
