"""The fields of a CaImAn file, and the reasons why some of them are not stored in an NWB file."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

import h5py

from .caiman_values import DEEPEST, MOST_MEMBERS, UNREADABLE, address_of, named, node_at, text
from .comparison import difference
from .fields import COLUMNS, HAND_PICKED

# Fields with one value or one row per component.
_PER_COMPONENT = {
    *COLUMNS.values(),
    *HAND_PICKED.values(),
    *("F_dff", "F_dff_dec", "S_dff"),
}

_ONLINE_STATE = "working state of online analysis, from which it could continue; not a result"
_FROM_A = "computed from A for plotting; CaImAn computes it again"
_COUNT = "a number of components, which is the number of rows of a table of ROIs"
_DURATION = "computing time"

_REASONS_OF_ESTIMATES = {
    "A_thr": _FROM_A,
    "coordinates": _FROM_A,
    "img_components": _FROM_A,
    "cms": _FROM_A,
    "center": "centres at initialisation, which CaImAn does not update; ROICentroids are computed from A",
    "nr": _COUNT,
    "f": "without spatial background components (b), to which it could refer",
    "shifts": "shifts of patches, or of an unknown part of the frames",
    **dict.fromkeys(("background_image", "components_to_plot", "rotation"), "state of CaImAn's viewer"),
    "psx": "power spectra of the pixels, from which CaImAn computed sn",
    "Ab": "A and b side by side, for online analysis",
    "Ab_dense": "A and b side by side, for online analysis",
    "C_on": "C and f in the form that online analysis uses",
    "noisyC": "C + YrA and f in the form that online analysis uses",
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
    "dview": "a handle of a pool of processes",
    "time_neuron_added": "outdated: it does not have one frame per component in the file",
    "empty_merged": "working state of merging",
    "img_norm": "the scale of the frames in online analysis; footprints and background are stored without that scale",
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
_SET_ASIDE_WHILE_SHRUNK = (
    "set aside on the movie as OnACID shrank it (ds_factor); all other fields cover the whole frame"
)
UNKNOWN = "unknown to this package; keep the CaImAn file if you need it"


class Member(NamedTuple):
    """A dataset, attribute or sparse matrix in a CaImAn file.

    Attributes
    ----------
    path : str
        Its path in the file; a sparse matrix is one member, and an attribute is below the path of its group.
    shape : tuple of int
        Shape of the values; () for an attribute, which is text.
    entries : int
        Number of stored values.
    """

    path: str
    shape: tuple[int, ...]
    entries: int


def members(file: h5py.File, omitted: Container[str] = ()) -> dict[str, Member]:
    """Return the members of a CaImAn file by path, without empty and unreadable ones.

    A group that the conversion leaves out (`omitted`) is one member.
    """
    return {member.path: member for member in _walk(file, "", frozenset(), omitted, count())}


def _walk(
    group: h5py.Group, start: str, above: frozenset[int], omitted: Container[str], visited: Iterator[int]
) -> Iterator[Member]:
    address = address_of(group, above)
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
    return set(named(group)) >= {"data", "indices", "indptr", "shape"}


def _one_member(path: str, node: Any) -> Iterator[Member]:
    """Yield a member that is not empty; a group is either a sparse matrix or left out by the conversion."""
    if isinstance(node, h5py.Group):
        shape = tuple(int(length) for length in node["shape"][()]) if _is_sparse(node) else (1,)
        if math.prod(shape):
            yield Member(path, shape, len(node["data"]) if _is_sparse(node) else 1)
    elif node is not None and node.size:
        yield Member(path, node.shape, node.size)


def reason_not_stored(member: Member, file: h5py.File) -> str:
    """Return the reason why a member of a CaImAn file is not in an NWB file."""
    folder, _, name = member.path.rpartition("/")
    if not folder.startswith("estimates"):
        return _REASONS_AT_THE_ROOT.get(member.path, UNKNOWN)
    if folder.endswith("/discarded_components") and name in {"A", "C", "S", "YrA"}:
        return _SET_ASIDE_WHILE_SHRUNK
    if name in _PER_COMPONENT:
        return "outdated or without values: it does not have one value per component in the file"
    if name == "R":
        same = _are_equal(file, member.path, f"{folder}/YrA")
        return "a copy of YrA" if same else "not equal to YrA, which CaImAn itself uses"
    return _REASONS_OF_ESTIMATES.get(name, UNKNOWN)


def _are_equal(file: h5py.File, *paths: str) -> bool:
    """Return whether two datasets have the same values."""
    one, other = (node_at(file, path) for path in paths)
    both = isinstance(one, h5py.Dataset) and isinstance(other, h5py.Dataset)
    return both and difference(one, other, ("component", "frame")) is None
