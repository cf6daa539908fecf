"""What to do about a finding, by the name of its check."""

from __future__ import annotations

_SET = "Set {field} in the block {block} of the metadata and convert again: {example}."


def _set(block: str, field: str, example: str) -> str:
    return _SET.format(block=block, field=field, example=example)


_REMEDIES = {
    "check_subject_exists": "Add a block 'Subject' with subject_id, species, sex and age to the metadata and convert "
    "again; `caiman-interface init --ask` asks for them.",
    "check_subject_id_exists": _set("Subject", "subject_id", "the animal's name in the lab, such as mouse1"),
    "check_subject_sex": _set("Subject", "sex", "M, F, O (other) or U (unknown)"),
    "check_subject_age": _set("Subject", "age", "an ISO 8601 duration such as P90D, or a range such as P80D/P100D"),
    "check_subject_proper_age_range": _set("Subject", "age", "a range with the lower age first, such as P80D/P100D"),
    "check_subject_species_exists": _set("Subject", "species", "the Latin name, such as Mus musculus"),
    "check_subject_species_form": _set("Subject", "species", "the Latin name, such as Mus musculus"),
    "check_subject_weight": _set("Subject", "weight", "a number and a unit, such as 0.025 kg"),
    "check_subject_id_no_slashes": _set("Subject", "subject_id", "a name without slashes"),
    "check_session_id_no_slashes": _set("NWBFile", "session_id", "a name without slashes"),
    "check_experimenter_exists": _set("NWBFile", "experimenter", "a list of names such as 'Curie, Marie'"),
    "check_experimenter_form": _set("NWBFile", "experimenter", "names in the form 'Last, First'"),
    "check_experiment_description": _set("NWBFile", "experiment_description", "one sentence"),
    "check_institution": _set("NWBFile", "institution", "the name of the institution"),
    "check_keywords": _set("NWBFile", "keywords", "a list such as [calcium imaging, visual cortex]"),
    "check_session_start_time_future_date": _set("NWBFile", "session_start_time", "2024-05-03T14:30:00+02:00"),
    "check_session_start_time_old_date": _set("NWBFile", "session_start_time", "2024-05-03T14:30:00+02:00"),
    "check_doi_publications": _set("NWBFile", "related_publications", "a list such as ['doi:10.1038/…']"),
    "check_single_row": "Nothing: the analysis has one component in this table.",
    "check_column_binary_capability": "Nothing: the column has the type that CaImAn saved.",
    "check_col_not_nan": "Nothing: CaImAn saved no number here.",
    "check_empty_table": "Nothing: the analysis has no components.",
    "check_excitation_lambda_in_nm": "Give excitation_lambda of the imaging plane in nanometres, such as 920.0.",
    "check_emission_lambda_in_nm": "Give emission_lambda of the optical channel in nanometres, such as 510.0.",
    "check_imaging_plane_location_allen_ccf": "Give `location` of the imaging plane as a term of the Allen Mouse Brain "
    "Common Coordinate Framework, such as VISp, if the region has one.",
    "check_description": "Replace the placeholder or missing description in the metadata and convert again.",
    "check_rate_is_not_zero": "Give the rate with `sampling_frequency` (or --rate) and convert again.",
    "check_rate_is_positive": "Give the rate with `sampling_frequency` (or --rate) and convert again.",
    "check_rate_not_below_threshold": "Check the rate; correct it with `sampling_frequency` (or --rate).",
    "check_timestamps_ascending": "Correct the timestamps and convert again.",
    "check_timestamps_without_nans": "Correct the timestamps and convert again.",
    "not_an_nwb_file": "Give the NWB file that a conversion wrote (.nwb, or .nwb.zarr).",
    "DANDI.NO_DANDISET_FOUND": "Run `dandi organize` in the folder of your dandiset, which names and places the file.",
}

_BEST_PRACTICES = "https://nwbinspector.readthedocs.io/en/dev/best_practices/best_practices_index.html"


def remedy_for(check: str) -> str:
    """Return what to do about a finding of this check.

    Parameters
    ----------
    check : str
        Name of a check of nwbinspector, or id of a finding of ``dandi validate``.
    """
    if check in _REMEDIES:
        return _REMEDIES[check]
    return f"See {_BEST_PRACTICES}." if check.startswith("check_") else ""
