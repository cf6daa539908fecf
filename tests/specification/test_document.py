"""Lines and columns in YAML files, and files that cannot be read."""

from __future__ import annotations

import pytest

from caiman_interface.specification.document import Document, DocumentError
from caiman_interface.specification.text import get_value, write_path

TEXT = """\
metadata:
  NWBFile: {lab: A, institution: B}
  list:
    - name: first
      shared: &shared
        depth: 1
    - name: second
      <<: *shared
"""


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "spec.yml"
    path.write_text(TEXT)
    return Document.read(path)


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ((), (1, 1)),
        (("metadata",), (1, 1)),
        (("metadata", "NWBFile"), (2, 3)),
        (("metadata", "NWBFile", "institution"), (2, 21)),
        (("metadata", "list", 0), (4, 7)),
        (("metadata", "list", 0, "shared", "depth"), (6, 9)),
        (("metadata", "list", 1, "name"), (7, 7)),
        (("metadata", "list", 1, "depth"), (6, 9)),  # merged from above
        (("metadata", "list", 1, "absent"), (7, 7)),  # as far as it leads
        (("metadata", "list", 2, "name"), (3, 3)),
        (("metadata", "NWBFile", "lab", "deeper"), (2, 13)),
        (("absent",), (1, 1)),
    ],
)
def test_every_key_and_item_has_its_line_and_column(document, keys, place):
    assert document.position(keys) == place


def test_data_are_what_neuroconv_reads(tmp_path):
    path = tmp_path / "spec.yml"
    path.write_text("when: 2024-05-03T14:30:00+02:00\n")
    assert Document.read(path).data == {"when": "2024-05-03T14:30:00+02:00"}


def test_repeated_keys_are_found_wherever_they_are(tmp_path):
    path = tmp_path / "spec.yml"
    path.write_text("a: 1\nb:\n  - c: 1\n    c: 2\na: 3\n")
    assert sorted(Document.read(path).repeated_keys) == [(("a",), (5, 1)), (("b", 0, "c"), (4, 5))]


def test_an_alias_does_not_repeat_the_keys_of_its_anchor(tmp_path):
    path = tmp_path / "spec.yml"
    path.write_text("a: &x {b: 1}\nc: *x\nd: {<<: *x, b: 2}\n")
    assert Document.read(path).repeated_keys == []


def test_json_has_places_too(tmp_path):
    path = tmp_path / "spec.json"
    path.write_text('{\n  "a": {"b": 1}\n}\n')
    document = Document.read(path)
    assert document.data == {"a": {"b": 1}}
    assert document.position(("a", "b")) == (2, 9)


@pytest.mark.parametrize(
    ("name", "content", "place", "problem", "remedy"),
    [
        ("a.yml", b"a: 1\n\tb: 2\n", (2, 1), "cannot start any token", "Indent with spaces"),
        ("a.yml", b"a: 1\nb: c: d\n", (2, 5), "mapping values are not allowed", "Quote text"),
        ("a.yml", b"a: [1, 2\n", (2, 1), "expected ',' or ']'", "brackets"),
        ("a.yml", b"a: 1\n b: 2\n", (2, 3), "mapping values are not allowed", "same indentation"),
        ("a.yml", b'a: "no end\n', (2, 1), "unexpected end of stream", "quotes"),
        ("a.yml", b"a: 1\n---\nb: 2\n", (2, 1), "another document", "this line"),
        ("a.yml", b"a: !python/object:os.system x\n", (1, 4), "tags such as", "plain value"),
        ("a.yml", b"a: 1\nb: \xff\xfe\n", (2, 1), "not text in UTF-8", "Save the file as UTF-8"),
        ("a.json", b'{\n"a": 1,\n}\n', (3, 1), "not valid JSON", "this position"),
        ("a.txt", b"a: 1\n", (1, 1), "'.txt'", "rename it"),
    ],
)
def test_what_cannot_be_read_says_where_and_what_to_do(tmp_path, name, content, place, problem, remedy):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        Document.read(path)
    assert caught.value.position == place
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy
    assert str(caught.value).startswith(f"{path}:{place[0]}:{place[1]}: ")


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path):
    with pytest.raises(DocumentError, match="does not exist"):
        Document.read(tmp_path / "none.yml")
    (tmp_path / "folder.yml").mkdir()
    with pytest.raises(DocumentError, match="is a folder"):
        Document.read(tmp_path / "folder.yml")


def test_an_empty_file_is_nothing(tmp_path):
    (tmp_path / "empty.yml").touch()
    document = Document.read(tmp_path / "empty.yml")
    assert document.data is None
    assert document.position(("a",)) == (1, 1)


def test_values_and_paths():
    data = {"a": [{"b": 1}]}
    assert get_value(data, ("a", 0, "b")) == 1
    assert get_value(data, ("a", 1, "b")) is None
    assert get_value(data, ("a", "b")) is None
    assert write_path(("a", 0, "b")) == "a[0].b"
