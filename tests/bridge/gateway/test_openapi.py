"""The OpenAPI document: made from the one definition of fields, and cases by chance from it."""

from __future__ import annotations

import json

import pytest

from bridge.gateway.endpoint_ids import DOCUMENTED, TASK_OF
from bridge.gateway.inputs import public_name
from bridge.gateway.openapi import input_schema, openapi
from engine.requests import TASKS, fields_of
from tests.support.daemons import running
from tests.support.gateway import gateway_running
from tests.support.gateway_cases import program, run_cases
from tests.support.renderers import BRIEF


@pytest.mark.parametrize("endpoint", DOCUMENTED)
def test_every_field_is_described_with_default_and_choices(endpoint):
    schema = input_schema(endpoint)
    fields = fields_of(TASKS[TASK_OF[endpoint]])
    assert set(schema["properties"]) == {public_name(name) for name in fields}
    assert schema["additionalProperties"] is False and "$ref" not in json.dumps(schema)
    for name in ("number_of_steps", "scheduler"):
        assert schema["properties"][name]["default"] == fields[name].default
    assert set(schema["properties"]["scheduler"]["enum"]) == set(fields["scheduler"].choices)


def test_every_reference_of_the_document_leads_somewhere():
    document = openapi("http://127.0.0.1", "1")
    names = {part.split('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]}
    assert names <= set(document["components"]["schemas"])


@pytest.mark.skipif(program() is None, reason="schemathesis is absent: see tests/support/gateway_cases.py")
def test_cases_by_chance_meet_no_5xx(tmp_path):
    """The short form; `python -m tests.support.gateway_cases` runs 5,000."""
    with running(tmp_path / "home", renderer=BRIEF), gateway_running(tmp_path / "home") as gateway:
        code, count, text = run_cases(gateway, 1, tmp_path)
    assert code == 0 and count >= 18, text
