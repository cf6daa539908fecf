"""Metadata of an analysis: models, what a CaImAn file specifies, and NeuroConv's two formats of it.

Other rooms import only from here, and do not depend on the format.
"""

from .from_lists import renamed_containers, shadows_other_segmentation, to_dictionaries
from .from_results import metadata_of, with_new_names
from .imaging_rate import with_imaging_rate
from .known_entries import KnownEntries, UnusedEntry
from .models import checked_metadata
from .number_lists import ChangedList, changed_number_lists
from .options import CaimanConversionOptions
from .paths import FieldPath, Named, follow, is_null_allowed, spellings, value_at
from .schema import ophys_metadata_schema
from .source import CaimanSourceData
from .specification_schema import specification_ophys_schema, specification_remedy
from .to_lists import to_lists
from .vocabulary import DEFAULT_METADATA_KEY

__all__ = [
    "DEFAULT_METADATA_KEY",
    "CaimanConversionOptions",
    "CaimanSourceData",
    "ChangedList",
    "FieldPath",
    "KnownEntries",
    "Named",
    "UnusedEntry",
    "changed_number_lists",
    "checked_metadata",
    "follow",
    "is_null_allowed",
    "metadata_of",
    "ophys_metadata_schema",
    "renamed_containers",
    "shadows_other_segmentation",
    "specification_ophys_schema",
    "specification_remedy",
    "spellings",
    "to_dictionaries",
    "to_lists",
    "value_at",
    "with_imaging_rate",
    "with_new_names",
]
