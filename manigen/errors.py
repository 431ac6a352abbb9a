"""What can go wrong, in one family.

Every mistake a person can make ends in a `ManigenError` whose message is one plain sentence: what was expected, what
came, what to do. The terminal prints it and exits 2, a page shows it and goes on, the live route sends it back.
"""

from __future__ import annotations


class ManigenError(Exception):
    """Something a person can put right; its message is one plain sentence."""


class BadInput(ManigenError, ValueError):
    """A value of the wrong kind, shape or range."""


class BadFile(ManigenError):
    """A file that is not what its name promises: truncated, corrupted, of another format, refused for safety."""


class UnknownName(ManigenError, LookupError):
    """A name that is not there; the message lists the ones that are."""


class DataMissing(ManigenError):
    """A data set that is not on this machine; the message says how to get it."""


class NotPossible(ManigenError):
    """Something this generator or map has no way to do, such as encoding with a GAN."""


def unknown(kind: str, name: object, known: list[str]) -> UnknownName:
    """Return the error for a `name` of some `kind` that is not among the `known` ones, with the nearest spelling."""
    import difflib

    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    most = 12  # names that fit in one plain sentence
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return UnknownName(
        f"There is no {kind} named {str(name)[:80]!r}.{hint} Known: {', '.join(known[:most]) or 'none'}{more}."
    )
