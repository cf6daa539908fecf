"""What CaImAn saved: its HDF5 dialect, decoded and lazy."""

from .components import Acceptance, Components
from .errors import CaimanFileError, CaimanFileWarning
from .footprints import Footprints, PixelTable
from .omissions import Omission
from .parameters import CaimanParameters
from .results import CaimanResults
from .traces import Trace

__all__ = [
    "Acceptance",
    "CaimanFileError",
    "CaimanFileWarning",
    "CaimanParameters",
    "CaimanResults",
    "Components",
    "Footprints",
    "Omission",
    "PixelTable",
    "Trace",
]
