"""Configure the datasets of a file with NeuroConv, without NeuroConv's iteration over their rows."""

from __future__ import annotations

from typing import Any

from hdmf.backends.hdf5 import H5DataIO
from hdmf.data_utils import GenericDataChunkIterator
from neuroconv.tools.nwb_helpers import BackendConfiguration, configure_backend, get_default_backend_configuration
from pynwb import NWBFile, TimeSeries

from caiman_interface._compat.hdmf import set_dataset

from .datasets import DatasetKey, datasets_of, is_large_array, is_large_mask
from .record_rows import RecordRows
from .stand_ins import ArrayStandIn, IteratorStandIn

# Rows in a chunk of a mask column: 3 MB of (x, y, weight), 1 MB of corrections. A reader of one mask needs one or two.
_MASK_ROWS_IN_CHUNK = 2**18


def configure_for_hdf5(nwbfile: NWBFile, configuration: BackendConfiguration | None) -> None:
    """Wrap the datasets of a file in the settings of a configuration.

    Parameters
    ----------
    nwbfile : NWBFile
        The file in memory; its datasets are wrapped in `H5DataIO`.
    configuration : HDF5BackendConfiguration or None
        Settings of each dataset. None for NeuroConv's defaults with bytes shuffled before gzip, except for data that
        are wrapped in settings already.
    """
    hidden = _hide_data(nwbfile)
    if configuration is None:
        _wrap_in_defaults(nwbfile)
    else:
        configure_backend(nwbfile, configuration)
    for container, field, data in list(datasets_of(nwbfile)):
        values = hidden.get((container.object_id, field))
        if values is None:
            continue
        if isinstance(data, H5DataIO):
            settings = dict(data.io_settings)
            if isinstance(data.data, ArrayStandIn):
                settings.pop("maxshape", None)  # H5DataIO takes it from iterators only
            if configuration is None:
                settings = _preferred(settings, container, values)
            is_plugin = isinstance(settings.get("compression"), int)
            values = H5DataIO(data=values, allow_plugin_filters=is_plugin, **settings)
        set_dataset(container, field, values)


def _hide_data(nwbfile: NWBFile) -> dict[DatasetKey, Any]:
    """Replace data that NeuroConv would iterate over or consume by stand-ins, to configure them.

    Returns
    -------
    dict
        The data by the key of the dataset.
    """
    hidden: dict[DatasetKey, Any] = {}
    for item in list(datasets_of(nwbfile)):
        if isinstance(item.data, GenericDataChunkIterator):
            stand_in: Any = IteratorStandIn(item.data)
        elif is_large_mask(item.container, item.data):
            stand_in = item.data[:1]  # hdmf cannot lay out a column of records without data
        elif is_large_array(item.data):
            stand_in = ArrayStandIn(item.data)
        else:
            continue
        hidden[item.key] = item.data
        set_dataset(item.container, item.field, stand_in)
    return hidden


def _wrap_in_defaults(nwbfile: NWBFile) -> None:
    """Wrap the datasets of a file in NeuroConv's default settings.

    NeuroConv's `configure_backend` builds the file twice more, to compare it with the file of the configuration.
    """
    configuration = get_default_backend_configuration(nwbfile, "hdf5")
    settings = {(item.object_id, item.dataset_name): item for item in configuration.dataset_configurations.values()}
    for item in list(datasets_of(nwbfile)):
        default = settings.get(item.key)
        if default is not None and not isinstance(item.data, TimeSeries):  # times of another series are a link to it
            set_dataset(item.container, item.field, H5DataIO(data=item.data, **default.get_data_io_kwargs()))


def _preferred(settings: dict[str, Any], container: Any, values: Any) -> dict[str, Any]:
    """Return NeuroConv's default settings with bytes shuffled, and chunks that suit masks."""
    if settings.get("compression"):
        settings["shuffle"] = True
    if is_large_mask(container, values) or isinstance(values, RecordRows):
        settings["maxshape"] = (None,)
        settings["chunks"] = (min(len(values), _MASK_ROWS_IN_CHUNK),)
    return settings
