"""Every operation of the OpenAPI document asks who is there, and whether they may: but for this short list, somebody unknown
gets 401, and a person without a role 403.
"""

import re
from contextlib import closing
from typing import Any

from blueprint.city import City
from service.body_limit import limit_of
from service.settings import Settings
from tests.service.conftest import Server
from tests.service.office import Office

PUBLIC = {
    ("get", "/api/city"),
    ("get", "/api/city/outline"),
    ("get", "/api/layers"),
    ("get", "/api/standards"),
    ("get", "/api/standards/{code}"),
    ("post", "/api/checks"),
    ("post", "/api/approval/progress"),
    ("post", "/api/approval/progress/voucher"),
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


ONES_OWN = re.compile(r"/api/(me|sessions?)(/.*)?")
"""What a person does with the own account, whatever roles are held."""


def test_nobody_gets_in_unknown_and_who_holds_no_role_gets_no_further(running: Server, city: City):
    office = Office(running, city)
    office.hire("nemo")
    with running.client() as client, closing(office.sign_in("nemo")) as without_role:
        document = client.get("/api/openapi.json").json()
        let_in, seen = [], set()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                seen.add((method, path))
                if (method, path) in PUBLIC:
                    continue
                address, options = _call(path, operation, document)
                of_layer = (404,) if path.startswith(OF_ONE_LAYER) else ()
                status = client.request(method.upper(), address, **options).status_code
                if status not in (401, *of_layer):
                    let_in.append(("unknown", method, path, status))
                if ONES_OWN.fullmatch(path):
                    continue
                answer = without_role.request(method.upper(), address, **options)
                if answer.status_code not in (403, *of_layer):
                    let_in.append(("without a role", method, path, answer.status_code))
        assert let_in == []
        assert seen >= PUBLIC, PUBLIC - seen


def test_every_route_that_takes_a_file_takes_one_as_large_as_uploads_may_be(running: Server):
    """Two reports of 1.5 MB could not be compared, nor a file of 10,000 footprints be checked, over HTTP alone."""
    settings = Settings()
    with running.client() as client:
        document = client.get("/api/openapi.json").json()

    too_small = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "multipart/form-data" in operation.get("requestBody", {}).get("content", {}):
                address, _ = _call(path, operation, document)
                if limit_of(address, settings).bytes < settings.max_upload_mb << 20:
                    too_small.append((method, path))

    assert too_small == []


def _call(path: str, operation: dict[str, Any], document: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """An address and what goes with it, so that nothing but who asks can be wrong."""
    parameters = operation.get("parameters", [])
    sample = {each["name"]: each for each in parameters if each["in"] == "path"}
    address = re.sub(r"{(\w+)}", lambda found: str(_sample(sample[found[1]]["schema"], document)), path)
    content = operation.get("requestBody", {}).get("content", {})
    options: dict[str, Any] = {}
    if "application/json" in content:
        options["json"] = _sample(content["application/json"]["schema"], document)
    elif "multipart/form-data" in content:
        fields = _sample(content["multipart/form-data"]["schema"], document)
        files = {name for name in fields if name in ("file", "before", "after")}
        options["files"] = dict.fromkeys(files | ({"file"} if not files else set()), ("x.gpkg", b"x"))
        options["data"] = {name: value for name, value in fields.items() if name not in files}
    asked = (each for each in parameters if each["in"] == "query" and each.get("required"))
    return address, options | {"params": {each["name"]: _sample(each["schema"], document) for each in asked}}
