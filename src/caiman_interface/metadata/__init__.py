"""What the interface accepts: pydantic models of source data, metadata and conversion options."""

from .models import checked_metadata, ophys_metadata_schema
from .options import CaimanConversionOptions
from .source import CaimanSourceData

__all__ = ["CaimanConversionOptions", "CaimanSourceData", "checked_metadata", "ophys_metadata_schema"]
