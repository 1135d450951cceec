"""The whole OpenAPI, held to what it says by schemathesis on the real server: bounded here, longer by `make fuzz`.

Here every caller tries what is his to do, from one seed, and no fault of a request twice (`fuzz_hooks`); by `make fuzz`
everyone tries everything, for `FUZZ_SECONDS` each, from another seed every time unless `FUZZ_SEED` names one.
"""

import gzip
import os
import re
import secrets
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.permissions import at_console
from blueprint.tokens import issue_token
from service.openapi import ANYONE
from service.push import push_due
from service.samples import sample_accounts
from service.settings import Settings
from tests.badfiles import good
from tests.conftest import ROOT
from tests.coordination.world import install_layers, square, world_city
from tests.service.conftest import Server, serving

SCHEMATHESIS = ROOT / ".venv" / "bin" / "schemathesis"
CONFIGURATION = Path(__file__).parent / "schemathesis.toml"
SECONDS = os.environ.get("FUZZ_SECONDS")
SEED = os.environ.get("FUZZ_SEED", "20261123" if SECONDS is None else str(secrets.randbits(64)))

CALLERS = {
    "slj": "^/api/(opinion-requests|stand-ins)",
    "zrzy": "^/(health|api/(board|city|handovers|notices|project-list|standards|statistics|layers|jobs|checks|rules|plan-audits|plan-audit-matrix|plan-differences|trims|alternatives|check-batches|footprints|report-verifications|report-differences|overlap-areas|shifts|refits|site-searches|projects|rechecks|meetings|guidance|attachments|access|exports|restricted-answers|session))",
    "spj": "^/api/approval/(cases|items|late|letters|consultation-answers|matters|statistics|process-table|progress|exchange|refused-handovers)",
    "interface": "^/api/approval/intake",
    "sample-operator": "^/api/(accounts|appointments|departments|identities|me|sections|tokens|token-revocations)(/|$)",
    "sample-auditor": "^/api/audit",
}
"""Tokens of the coordinator, approvals, a department that is asked and the interface, and two persons' sessions; and which
paths are theirs. They come one after the other to one service, so the one who needs requests that are open comes first."""

ENDS_ITS_OWN_SESSION = "^/api/sessions?$|^/api/me/password$|/sample-"
"""Paths by which a person would sign out and leave the rest of the run to nobody."""


@pytest.fixture(scope="module")
def place(server: Any, template: str, city: City) -> Iterator[Server]:
    """A service with layers, a project that is prepared, one that departments are asked about, and a case."""
    with _world(server, template, city) as running:
        for steps in ((), ("checks", "consultation"), ("checks", "consultation", "clearance")):
            _project(running, steps)
        push_due(running.edge.engine, now=running.edge.now(), approval_url=None, secret=None)
        running.client().get(
            "/api/openapi.json"
        )  # made once, which on a busy machine takes longer than the tester waits
        yield running


def test_every_path_is_somebodys_to_try(bare: Server):
    paths = bare.client().get("/api/openapi.json").json()["paths"]
    forgotten = [path for path in paths if not any(re.search(pattern, path) for pattern in CALLERS.values())]
    assert forgotten == []


@pytest.fixture(scope="module")
def bare(server: Any, template: str, city: City) -> Iterator[Server]:
    """A service with layers alone, and a scratch folder of its own."""
    with tempfile.TemporaryDirectory(prefix="blueprint-test-") as folder:
        Path(folder).chmod(0o711)
        with _world(server, template, city, scratch=Path(folder)) as running:
            yield running


@contextmanager
def _world(server: Any, template: str, city: City, *, scratch: Path | None = None) -> Iterator[Server]:
    """The small world of coordination, served on a database of its own."""
    world = world_city(city)
    database = f"{template.partition('_template_')[0]}_openapi_{secrets.token_hex(6)}"
    try:
        settings = Settings() if scratch is None else Settings().model_copy(update={"scratch": scratch})
        with serving(server.create(database, template=template), world, settings) as running:
            with Session(running.edge.engine) as session, session.begin():
                install_layers(session, world)
                running.tokens["interface"] = issue_token(
                    session, department=None, city=world, now=running.edge.now(), is_service=True
                )
            yield running
    finally:
        server.drop(database)


def _project(place: Server, steps: tuple[str, ...]) -> None:
    coordinator = place.client("zrzy")
    school = {"name": "示例小学", "applicant": "教育局", "purpose": "新建小学", "crs": "EPSG:4550"}
    made = coordinator.post("/api/projects", json=school | {"footprint": square(220, 320, 20, 80)})
    address = f"/api/projects/{made.json()['id']}"
    for step in steps:
        if step == "clearance":
            for asked in coordinator.get(address).json()["consultation"]["requests"]:
                opinion = f"/api/opinion-requests/{asked['id']}/opinion"
                answer = place.client(asked["department"]).put(opinion, json={"kind": "agree"})
                assert answer.status_code == 200, answer.text
        assert coordinator.post(f"{address}/{step}").status_code == 201


def _sign_in(place: Server, login: str) -> tuple[str, str]:
    """A person's cookie, and the token that goes with their changes."""
    password, _ = sample_accounts(place.edge, actor=at_console("test"))
    with place.client() as client:
        answer = client.post("/api/session", json={"login": login, "password": password})
        assert answer.status_code == 200, answer.text
        return f"session={client.cookies['session']}", answer.json()["csrf_token"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("caller", CALLERS)
def test_every_operation_answers_as_the_document_says(caller: str, place: Server, tmp_path: Path):
    arguments = [
        SCHEMATHESIS, "--config-file", CONFIGURATION, "run", f"{place.url}/api/openapi.json",
        "--seed", SEED,
        "--generation-database", "none", "--no-color", "--report", "junit", "--report-dir", tmp_path,
    ]  # fmt: skip
    if caller in place.tokens:
        arguments += ["--header", f"Authorization: Bearer {place.tokens[caller]}"]
    else:
        cookie, csrf_token = _sign_in(place, caller)
        arguments += ["--header", f"Cookie: {cookie}", "--header", f"X-CSRF-Token: {csrf_token}"]
        arguments += ["--exclude-path-regex", ENDS_ITS_OWN_SESSION]
        # A made-up Authorization that is empty is none, and the session counts: no hole, but taken for one.
        arguments += ["--generation-with-security-parameters", "false"]
    if SECONDS is None:
        arguments += ["--include-path-regex", CALLERS[caller]]
    else:
        arguments += ["--max-time", SECONDS, "--max-examples", "200", "--continue-on-failure"]

    done = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-60_000:] + done.stderr[-2000:]


def test_what_needs_a_sign_in_says_so_and_asks_for_it(bare: Server):
    document = httpx.get(f"{bare.url}/api/openapi.json", timeout=60).json()
    operations = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }

    assert operations.keys() >= ANYONE
    for (method, path), operation in operations.items():
        assert ({} in operation["security"]) == ((method, path) in ANYONE)
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (method, path, status)


_JSON = {"Content-Type": "application/json"}
_PROJECT = '{"name":"a","applicant":"b","purpose":"c","footprint":%s}'
_RING = '{"type":"Polygon","coordinates":[[[%s,41.1],[122.991,41.1],[122.991,41.11],[122.99,41.1]]]}'
BODIES = {
    "half a surrogate pair": _PROJECT.replace('"a"', '"\\ud800"') % (_RING % "122.99"),
    "half a surrogate pair where the footprint has its type": _PROJECT % '{"type":"\\ud800"}',
    "a NUL": _PROJECT.replace('"a"', '"\\u0000"') % (_RING % "122.99"),
    "a NUL deep within": _PROJECT % '{"type":"Feature","properties":{"x":"\\u0000"},"geometry":null}',
    "a number beyond any double": _PROJECT % (_RING % "1e400"),
    "an integer of 5,000 digits": _PROJECT % (_RING % ("9" * 5000)),
    "an integer of 400 digits": _PROJECT % (_RING % ("9" * 400)),
    "not a number": _PROJECT % (_RING % "NaN"),
    "text for a number": _PROJECT % (_RING % '"122.99"'),
    "lists 100,000 deep": "[" * 100_000,
    "a footprint 10,000 deep": _PROJECT % ('{"type":"Feature","geometry":' * 10_000 + "null" + "}" * 10_000),
    "coordinates 900 deep": _PROJECT % ('{"type":"Polygon","coordinates":' + "[" * 900 + "]" * 900 + "}"),
    "bytes that are no text": b"\xff\xfe\x00",
    "a list": "[]",
    "null": "null",
    "nothing": "",
    "a type that is none": _PROJECT % '{"type":"Circle","coordinates":[]}',
    "a type that is a list": _PROJECT % '{"type":[],"coordinates":[]}',
    "a collection of itself": _PROJECT
    % '{"type":"FeatureCollection","features":[{"type":"FeatureCollection"}]}',
    "a polygon of points": _PROJECT % '{"type":"Polygon","coordinates":[1,2]}',
    "a coordinate too many": _PROJECT % '{"type":"Polygon","coordinates":[[[1,2,3,4,5]]]}',
    "an empty ring": _PROJECT % '{"type":"Polygon","coordinates":[[]]}',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused_in_one_sentence(name: str, bare: Server):
    for path in ("/api/projects", "/api/checks", "/api/layers", "/api/approval/intake"):
        who = "interface" if path.endswith("intake") else "zrzy"

        answer = bare.client(who).post(path, content=BODIES[name], headers=_JSON)

        assert answer.status_code in (400, 422), (path, answer.status_code, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert len(answer.json()["detail"]) < 1000


FORMS = {
    "a file name with a NUL": b'name="file"; filename="a\x00.geojson"',
    "a file name that climbs": b'name="file"; filename="../../../etc/passwd.geojson"',
    "a file name that is no text": b'name="file"; filename="\xff\xfe.geojson"',
    "a file name of 3,000 characters": b'name="file"; filename="' + b"a" * 3000 + b'.geojson"',
    "a file name of nothing": b'name="file"; filename=""',
    "a file name of two lines": b'name="file"; filename="a\r\nX-Evil: 1\r\n\r\n.geojson"',
    "a file name of 5,000 characters": b'name="file"; filename="' + b"a" * 5000 + b'.geojson"',
    "no file name": b'name="file"',
}


@pytest.mark.parametrize("name", FORMS)
def test_a_hostile_form_is_taken_harmlessly_or_refused(name: str, bare: Server):
    head = b"Content-Disposition: form-data; " + FORMS[name] + b"\r\n\r\n"
    crs = b'--b\r\nContent-Disposition: form-data; name="crs"\r\n\r\nEPSG:4490\x00\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    path = "/api/layers/farmland/versions"
    client = bare.client("zrzy")

    with_nul = client.post(
        path, content=b"--b\r\n" + head + good() + b"\r\n" + crs + b"--b--\r\n", headers=form
    )
    without = client.post(path, content=b"--b\r\n" + head + good() + b"\r\n--b--\r\n", headers=form)

    assert with_nul.status_code in (400, 422), with_nul.text
    assert without.status_code in (201, 400, 422), without.text
    if without.status_code == 201:
        assert "/" not in without.json()["source_name"] and "\x00" not in without.json()["source_name"]
    assert "X-Evil" not in without.headers
    assert _left_over(bare) == []


def _left_over(place: Server) -> list[str]:
    """What uploads left in the scratch folder."""
    return [
        path.name for path in place.edge.scratch.iterdir() if path.name.startswith(("upload-", "features-"))
    ]


def _answer(place: Server, head: bytes, body: bytes, *, hang_up: bool = False) -> bytes:
    """What the service answers to bytes on a connection of our own; with `hang_up` nobody waits for it."""
    who = place.client("zrzy").headers["Authorization"].encode()
    request = (
        b"POST /api/layers/farmland/versions HTTP/1.1\r\nHost: x\r\nAuthorization: " + who + b"\r\n" + head
    )
    address = urlsplit(place.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(request + b"\r\n\r\n" + body)
        return b"" if hang_up else connection.recv(1 << 16)


def test_a_body_that_is_not_what_its_head_says_is_refused_and_nothing_of_it_stays(bare: Server):
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.geojson"\r\n\r\n' + good()
    body += b"\r\n--b--\r\n"
    form = b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %d"
    packed = gzip.compress(body)

    wrong_boundary = _answer(bare, form.replace(b"=b", b"=other") % len(body), body)
    no_boundary = _answer(bare, form.replace(b"; boundary=b", b"") % len(body), body)
    too_short = _answer(bare, form % (len(body) - 60), body[:-60])
    zipped_body = _answer(bare, form % len(packed) + b"\r\nContent-Encoding: gzip", packed)
    _answer(bare, form % (len(body) + 1000), body, hang_up=True)

    for answer in (wrong_boundary, no_boundary, too_short, zipped_body):
        status = answer.split(b" ", 2)[1]
        assert status in (b"400", b"415", b"422"), answer[:500]
    assert bare.client("zrzy").get("/api/layers").status_code == 200
    assert _left_over(bare) == []
