"""The JSON Schema of what `-f json` and `-f ndjson` write, made of the types that are written."""

from typing import Any

from msgspec.json import schema_components

from pssh.report.records import EVENTS, Document, Head


def schema() -> dict[str, Any]:
    """Return the schema by which every document, and every line of events, is valid."""
    kinds = (Document, Head, *dict.fromkeys(EVENTS.values()))
    _, types = schema_components(kinds, ref_template="#/$defs/{name}")
    lines = {event: _line(event, types["Head"], types[kind.__name__]) for event, kind in EVENTS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pssh -f json and pssh -f ndjson",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in ("Document", *lines)],
        "$defs": {**types, **lines},
    }


def _line(event: str, head: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a whole line; one of another event is not valid by it."""
    return {
        "title": event,
        "type": "object",
        "properties": {**head["properties"], **body["properties"], "event": {"const": event}},
        "required": sorted({*head["required"], "v", *body["required"]}),
        **({"description": body["description"]} if "description" in body else {}),
    }
