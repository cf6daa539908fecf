"""Registration of the data interfaces of installed distributions with NeuroConv.

`startup` detects the import of NeuroConv's list of data interfaces; `registry` then adds the plugins to it.
"""

import sys

HOST = "neuroconv.datainterfaces"
"""The module with which data interfaces are registered."""


def warn(message: str, category: type[Warning]) -> None:
    """Issue a warning; print it instead if a filter turns warnings into errors."""
    import warnings

    try:
        warnings.warn(message, category, stacklevel=2)
    except Warning:
        print(f"{category.__name__}: {message}", file=sys.stderr)  # noqa: T201
