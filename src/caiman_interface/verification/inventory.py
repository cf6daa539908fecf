"""What is in a CaImAn file, field by field, and why some of it is not stored in an NWB file."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

import h5py

from .caiman_values import DEEPEST, MOST_MEMBERS, UNREADABLE, named, node_at, text
from .comparison import difference
from .fields import COLUMNS, HAND_PICKED

# Values of which there is one, or one row, for each component.
_PER_COMPONENT = {
    *COLUMNS.values(),
    *HAND_PICKED.values(),
    *("F_dff", "F_dff_dec", "S_dff"),
}

_ONLINE_STATE = "working state of online analysis, from which it could go on; no result"
_FROM_A = "made from A for plotting; CaImAn makes it again"
_COUNT = "a number of components, which the tables of ROIs have as their number of rows"
_DURATION = "how long the computer took"

_REASONS_OF_ESTIMATES = {
    "A_thr": _FROM_A,
    "coordinates": _FROM_A,
    "img_components": _FROM_A,
    "cms": _FROM_A,
    "center": "centres at initialisation, which CaImAn neither updates nor selects; ROICentroids are computed from A",
    "nr": _COUNT,
    "f": "without spatial background components (b) on which it could stand",
    "shifts": "shifts of patches, or of an unknown part of the frames",
    **dict.fromkeys(("background_image", "components_to_plot", "rotation"), "state of CaImAn's viewer"),
    "psx": "power spectra of the pixels, from which CaImAn computed sn",
    "Ab": "A and b side by side, for online analysis",
    "Ab_dense": "A and b side by side, for online analysis",
    "C_on": "C and f as online analysis holds them",
    "noisyC": "C + YrA and f as online analysis holds them",
    **dict.fromkeys(
        (
            *("AtA", "AtW", "AtWA", "AtY_buf", "Atb", "CC", "CY", "Cf", "OASISinstances", "XXt", "XXt_ind", "Yr_buf"),
            *("Yres_buf", "col_ind", "corrM", "corr_img", "crosscorr", "downscale_matrix", "first_moment", "groups"),
            *("ind_new", "max_img", "mean_buff", "mn", "num_neigbors", "rho_buf", "row_ind", "second_moment", "sv"),
            *("time_new_comp", "upscale_matrix", "vr"),
        ),
        _ONLINE_STATE,
    ),
}
_REASONS_AT_THE_ROOT = {
    "dview": "a handle on a pool of processes",
    "time_neuron_added": "stale: it does not have one frame for each component in the file",
    "empty_merged": "working state of merging",
    "img_norm": "how online analysis scaled the frames; footprints and background are given without that scale",
    **dict.fromkeys(
        ("t_detect", "t_motion", "t_online", "t_shapes", "t_stat"),
        _DURATION,
    ),
    **dict.fromkeys(
        (
            *("Ab_epoch", "W_ind", "XXt_mats", "XXt_vecs", "bnd_AC", "bnd_BG", "bnd_Y", "captions", "cnn_pos"),
            *("comp_upd", "ind_A", "ind_new_all", "loaded_model", "tf_in", "tf_out", "update_counter"),
            *("_dims_B", "_ringidx"),
        ),
        _ONLINE_STATE,
    ),
}
_SET_ASIDE_WHILE_SHRUNK = "set aside on the movie as OnACID shrank it (ds_factor), while all else is of the whole frame"
UNKNOWN = "not known to this package; keep the CaImAn file if you need it"


class Member(NamedTuple):
    """Something in a CaImAn file.

    Attributes
    ----------
    path : str
        Its path in the file; a sparse matrix is one member, and an attribute is below the path of its group.
    shape : tuple of int
        Shape of the values; that of an attribute, which is text, is ().
    entries : int
        Number of values in the file; of a sparse matrix, those that are stored.
    """

    path: str
    shape: tuple[int, ...]
    entries: int


def members(file: h5py.File, omitted: Container[str] = ()) -> dict[str, Member]:
    """Return everything in a CaImAn file by its path, without what CaImAn left empty or cannot be read.

    A group that the conversion leaves out (`omitted`) is one member.
    """
    return {member.path: member for member in _walk(file, "", frozenset(), omitted, count())}


def _walk(
    group: h5py.Group, start: str, above: frozenset[int], omitted: Container[str], visited: Iterator[int]
) -> Iterator[Member]:
    address = h5py.h5o.get_info(group.id).addr
    if address in above or len(above) > DEEPEST:  # a group that contains itself, or that CaImAn does not write
        return
    yield from _attributes(group, start)
    for name in named(group):
        if next(visited) > MOST_MEMBERS:
            return
        node, path = node_at(group, name), start + name
        if isinstance(node, h5py.Group) and path not in omitted and not _is_sparse(node):
            yield from _walk(node, f"{path}/", above | {address}, omitted, visited)
        else:
            with suppress(*UNREADABLE):
                yield from _one_member(path, node)


def _attributes(group: h5py.Group, start: str) -> Iterator[Member]:
    for name in named(group.attrs):
        with suppress(*UNREADABLE):
            value = group.attrs[name]
            if not isinstance(value, h5py.Empty) and not (isinstance(value, str | bytes) and text(value) == "NoneType"):
                yield Member(start + name, (), 1)


def _is_sparse(group: h5py.Group) -> bool:
    return set(group) >= {"data", "indices", "indptr", "shape"}


def _one_member(path: str, node: Any) -> Iterator[Member]:
    """Yield what is neither empty nor a group whose members count; a group is one that is left out or a matrix."""
    if isinstance(node, h5py.Group):
        shape = tuple(int(length) for length in node["shape"][()]) if _is_sparse(node) else (1,)
        if math.prod(shape):
            yield Member(path, shape, len(node["data"]) if _is_sparse(node) else 1)
    elif node is not None and node.size:
        yield Member(path, node.shape, node.size)


def reason_not_stored(member: Member, file: h5py.File) -> str:
    """Return why there is no object in an NWB file for a member of a CaImAn file."""
    folder, _, name = member.path.rpartition("/")
    if not folder.startswith("estimates"):
        return _REASONS_AT_THE_ROOT.get(member.path, UNKNOWN)
    if folder.endswith("/discarded_components") and name in {"A", "C", "S", "YrA"}:
        return _SET_ASIDE_WHILE_SHRUNK
    if name in _PER_COMPONENT:
        return "stale or without values: it does not have one for each component in the file"
    if name == "R":
        same = _are_equal(file, member.path, f"{folder}/YrA")
        return "a copy of YrA" if same else "another residual than YrA, with which CaImAn itself computes"
    return _REASONS_OF_ESTIMATES.get(name, UNKNOWN)


def _are_equal(file: h5py.File, *paths: str) -> bool:
    """Return whether two datasets have the same values."""
    one, other = (node_at(file, path) for path in paths)
    both = isinstance(one, h5py.Dataset) and isinstance(other, h5py.Dataset)
    return both and difference(one, other, ("component", "frame")) is None
