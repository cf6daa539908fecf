"""The command `schema`."""

from __future__ import annotations

import json

from jsonschema import Draft7Validator

from caiman_interface.specification.schema import specification_schema


def test_the_schema_is_on_standard_output(run):
    result = run("schema")
    assert result.exit_code == 0
    assert result.stderr == ""
    schema = json.loads(result.stdout)
    Draft7Validator.check_schema(schema)
    assert schema == specification_schema()
