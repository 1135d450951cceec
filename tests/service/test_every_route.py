"""Every operation of the OpenAPI document asks who is there: somebody unknown gets 401, but for this short list."""

from typing import Any

from blueprint.city import City
from tests.service.conftest import Server

PUBLIC = {
    ("get", "/api/city"),
    ("get", "/api/city/outline"),
    ("get", "/api/layers"),
    ("get", "/api/standards"),
    ("get", "/api/standards/{code}"),
    ("post", "/api/checks"),
    ("post", "/api/approval/progress"),
    ("get", "/api/rules"),
    ("post", "/api/trims"),
    ("post", "/api/alternatives"),
    ("get", "/api/session"),
    ("post", "/api/session"),
    ("get", "/api/session/openid"),
    ("get", "/api/session/openid/callback"),
    ("get", "/health/live"),
    ("get", "/health/ready"),
}
"""What anybody may ask. Of layers and checks, what is not public is left out."""

OF_ONE_LAYER = "/api/layers/{code}"
"""A layer that is not there, or not for the caller, is 404 for everybody alike, so that nobody learns which."""


def _sample(schema: dict[str, Any], document: dict[str, Any]) -> Any:
    """A value that a schema takes."""
    if "$ref" in schema:
        return _sample(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], document)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return _sample(schema[key][0], document)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type", "object")
    if kind == "string":
        formats = {"date": "2026-12-31", "date-time": "2026-12-31T00:00:00Z", "binary": "x"}
        formats["uuid"] = "00000000-0000-4000-8000-000000000000"
        return formats.get(schema.get("format", ""), "a" * max(2, schema.get("minLength", 0)))
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    if kind == "boolean":
        return True
    if kind == "array":
        return []
    properties = schema.get("properties", {})
    return {name: _sample(properties[name], document) for name in schema.get("required", [])}


def test_nobody_gets_in_unknown(running: Server, city: City):
    with running.client() as client:
        document = client.get("/api/openapi.json").json()
        let_in, seen = [], set()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                seen.add((method, path))
                if (method, path) in PUBLIC:
                    continue
                place = path
                for parameter in operation.get("parameters", []):
                    if parameter["in"] == "path":
                        place = place.replace(
                            "{" + parameter["name"] + "}", str(_sample(parameter["schema"], document))
                        )
                content = operation.get("requestBody", {}).get("content", {})
                options: dict[str, Any] = {}
                if "application/json" in content:
                    options["json"] = _sample(content["application/json"]["schema"], document)
                elif "multipart/form-data" in content:
                    options["files"] = {"file": ("x.gpkg", b"x")}
                required = {
                    p["name"]: _sample(p["schema"], document)
                    for p in operation.get("parameters", [])
                    if p["in"] == "query" and p.get("required")
                }
                status = client.request(method.upper(), place, params=required, **options).status_code
                closed = (401, 404) if path.startswith(OF_ONE_LAYER) else (401,)
                if status not in closed:
                    let_in.append((method, path, status))
        assert let_in == []
        assert seen >= PUBLIC, PUBLIC - seen
