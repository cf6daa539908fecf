"""Make data interfaces of installed distributions known to NeuroConv.

`startup` notices that NeuroConv's list of data interfaces is imported, `registry` then puts the plugins into it.
"""

import sys

HOST = "neuroconv.datainterfaces"
"""The module into which data interfaces are registered."""


def warn(message: str, category: type[Warning]) -> None:
    """Warn, and go on even where the interpreter was told to turn warnings into errors."""
    import warnings

    try:
        warnings.warn(message, category, stacklevel=2)
    except Warning:
        print(f"{category.__name__}: {message}", file=sys.stderr)  # noqa: T201
