"""The OpenAPI document of the gateway, made from the one definition of the request fields. Knows no HTTP library."""

from __future__ import annotations

import copy
from typing import Any

from bridge.gateway.endpoint_ids import APP, DOCUMENTED, TASK_OF
from bridge.gateway.inputs import PUBLIC_NAMES
from engine.requests import json_schema

Json = dict[str, Any]
_REQUESTS = f"/queue/{APP}/requests/{{request_id}}"
_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "number"}
_WHOLE: Json = {"type": "integer"}
_ANY: Json = {}


def openapi(base: str, version: str) -> Json:
    """The document, for a gateway at `base`."""
    paths: Json = {}
    for endpoint in DOCUMENTED:
        paths[f"/run/{endpoint}"] = {"post": _run(endpoint)}
        paths[f"/queue/{endpoint}"] = {"post": _submit(endpoint)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "acestep-bridge gateway", "version": version},
        "servers": [{"url": base}],
        "security": [{"key": []}],
        "paths": paths | _following() | _files(),
        "components": {"schemas": _schemas(), "securitySchemes": {"key": _KEY}},
    }


_KEY: Json = {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Key <key>"}


def input_schema(endpoint: str) -> Json:
    """The JSON Schema of an endpoint's input, with the public names."""
    schema = json_schema(TASK_OF[endpoint])
    shared = schema.pop("$defs", {})
    schema.pop("$schema", None)
    properties = {PUBLIC_NAMES.get(name, name): value for name, value in schema["properties"].items() if name != "task"}
    required = [PUBLIC_NAMES.get(name, name) for name in schema["required"] if name != "task"]
    inputs = {**schema, "title": endpoint, "properties": properties, "required": required}
    inlined: Json = _inlined(inputs, shared)
    return inlined


def _inlined(value: Any, shared: Json) -> Any:
    if isinstance(value, dict):
        reference = value.get("$ref", "")
        if reference.startswith("#/$defs/"):
            return _inlined(copy.deepcopy(shared[reference.rsplit("/", 1)[1]]), shared)
        return {name: _inlined(inner, shared) for name, inner in value.items()}
    return [_inlined(inner, shared) for inner in value] if isinstance(value, list) else value


def _schemas() -> Json:
    links: Json = dict.fromkeys(("request_id", "response_url", "status_url", "cancel_url"), _TEXT)
    file = {"url": _TEXT, "content_type": _TEXT, "file_name": _TEXT, "file_size": _WHOLE, "sha256": _TEXT}
    output = {"audio": _ref("File"), "seed": _WHOLE, "tags": _TEXT, "lyrics": _TEXT}
    entry = _object({"loc": {"type": "array"}, "msg": _TEXT, "type": _TEXT, "ctx": {"type": "object"}, "input": _ANY})
    return {
        **{schema_name(endpoint): input_schema(endpoint) for endpoint in DOCUMENTED},
        "File": _object(file, ["url"]),
        "Output": _object({**output, "results": {"type": "array"}, "warnings": {"type": "array"}}, list(output)),
        "Submitted": _object({"status": _TEXT, **links, "queue_position": _WHOLE}, ["status", *links]),
        "Status": _object(
            {
                "status": {"enum": ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]},
                **links,
                "queue_position": _WHOLE,
                "logs": {"type": ["array", "null"]},
                "metrics": _object({"inference_time": _NUMBER}),
                "error": _TEXT,
                "error_type": _TEXT,
            },
            ["status", *links],
        ),
        "Problems": _object({"detail": {"type": "array", "items": entry}}, ["detail"]),
        "Refusal": _object({"detail": _ANY, "error_type": _TEXT, "status": _TEXT}),
    }


def schema_name(endpoint: str) -> str:
    """`AceStepAudioInpaintInput` for fal-ai/ace-step/audio-inpaint."""
    words = endpoint.removeprefix("fal-ai/").replace("/", "-").split("-")
    return "".join(word.capitalize() for word in words) + "Input"


def _object(properties: Json, required: list[str] | None = None) -> Json:
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(name: str, description: str) -> Json:
    return {"description": description, "content": {"application/json": {"schema": _ref(name)}}}


def _refusals(*codes: int) -> Json:
    meanings = {
        400: "The call cannot be followed.",
        401: "The key is missing or wrong.",
        403: "Not from this host or page.",
        404: "There is no such thing.",
        413: "Too many bytes.",
        429: "The queue is longer than was allowed.",
        499: "The call was cancelled.",
        500: "The job failed.",
        504: "Not started in the time that was allowed.",
    }
    return {str(code): _json("Refusal", meanings[code]) for code in codes}


def _body(endpoint: str) -> Json:
    return {"required": True, "content": {"application/json": {"schema": _ref(schema_name(endpoint))}}}


def _header(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": description}


def _query(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _start_by() -> Json:
    schema = {"type": "number", "exclusiveMinimum": 0, "maximum": 10_000_000}
    return _header("x-fal-request-timeout", schema, "Seconds in which the job must be started.")


def _run(endpoint: str) -> Json:
    return {
        "operationId": f"run-{schema_name(endpoint)}",
        "summary": f"Render and wait: {endpoint}",
        "parameters": [_start_by()],
        "requestBody": _body(endpoint),
        "responses": {
            "200": _json("Output", "What was made."),
            "422": _json("Problems", "Fields that cannot be used; nothing was queued."),
            **_refusals(401, 403, 413, 499, 500, 504),
        },
    }


def _submit(endpoint: str) -> Json:
    priority = _header("x-fal-queue-priority", {"enum": ["normal", "low"]}, "Whether others go before it.")
    return {
        "operationId": f"submit-{schema_name(endpoint)}",
        "summary": f"Queue: {endpoint}",
        "parameters": [
            _start_by(),
            priority,
            _query("fal_webhook", {"type": "string", "format": "uri"}, "Where the outcome is sent."),
            _query("fal_max_queue_length", {"type": "integer", "minimum": 1}, "Refuse where more jobs wait."),
        ],
        "requestBody": _body(endpoint),
        "responses": {
            "200": _json("Submitted", "Queued."),
            "422": _json("Problems", "Fields that cannot be used; nothing was queued."),
            **_refusals(401, 403, 413, 429, 500),
        },
    }


def _following() -> Json:
    request_id = {"name": "request_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    logs = _query("logs", {"enum": ["0", "1", "true", "false"]}, "Whether log lines are wanted.")
    event = _object({"data": _TEXT}, ["data"])  # each holds a Status as JSON
    stream = {"description": "Server-sent events.", "content": {"text/event-stream": {"schema": event}}}
    statuses = {"200": _json("Status", "Finished."), "202": _json("Status", "Waits or runs.")}
    cancelled = {"202": _json("Refusal", "It will be cancelled.")}
    outputs = {"200": _json("Output", "What was made."), "422": _json("Problems", "The input could not be used.")}
    return {
        f"{_REQUESTS}/status": {"get": _op("status", [request_id, logs], statuses | _refusals(401, 403, 404))},
        f"{_REQUESTS}/status/stream": {
            "get": _op("statusStream", [request_id, logs], {"200": stream} | _refusals(401, 403, 404))
        },
        _REQUESTS: {"get": _op("result", [request_id], outputs | _refusals(400, 401, 403, 404, 499, 500, 504))},
        f"{_REQUESTS}/cancel": {"put": _op("cancel", [request_id], cancelled | _refusals(400, 401, 403, 404))},
    }


def _op(name: str, parameters: list[Json], responses: Json) -> Json:
    return {"operationId": name, "parameters": parameters, "responses": responses}


def _files() -> Json:
    announced = _object({"content_type": _TEXT, "file_name": _TEXT})
    body = {"required": True, "content": {"application/json": {"schema": announced}}}
    urls = _object({"upload_url": _TEXT, "file_url": _TEXT}, ["upload_url", "file_url"])
    answer = {"description": "Send the file there.", "content": {"application/json": {"schema": urls}}}
    pass_ = _object(dict.fromkeys(("token", "token_type", "base_url", "expires_at"), _TEXT), ["token"])
    given = {"description": "A token for uploads.", "content": {"application/json": {"schema": pass_}}}
    wrong = {"422": _json("Problems", "The body cannot be used.")} | _refusals(401, 403, 413)
    announce = {**_op("announceUpload", [], {"200": answer} | wrong), "requestBody": body}
    return {
        "/rest/storage/upload/initiate": {"post": announce},
        "/rest/storage/auth/token": {"post": _op("uploadToken", [], {"200": given} | _refusals(401, 403))},
    }
