"""The second wall on a real database, by the service's own role and mostly without the code: what PostgreSQL shows to whom."""

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg2
import pytest
from sqlalchemy import create_engine, make_url, select, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from blueprint import overlay, snapshot, tokens  # noqa: F401  (their statements are prepared)
from blueprint.audit import log  # noqa: F401
from blueprint.database import PREPARED, Base, make_engine
from blueprint.levels import Territory
from blueprint.permissions import ANONYMOUS, Act, Actor, Grant, Role, Scope, at_console
from blueprint.wall import (
    DOOR,
    KEEPER,
    NOBODY,
    Viewer,
    WallState,
    enter,
    seeing,
    viewer_of,
    wall_key,
    wall_state,
)
from coordination.models import Opinion, OpinionRequest
from service import migrations  # noqa: F401  (its models are all that the metadata must know)
from service.outer import Outer
from service.settings import Settings
from service.setup import let_in

OPEN = {
    "blueprint.city", "blueprint.layer", "blueprint.layer_version", "blueprint.in_force_period", "blueprint.feature",
    "blueprint.part", "blueprint.tile_sheet", "blueprint.kept_answer", "blueprint.wall_key",
    "coordination.planning_number_series", "blueprint.field_mapping", "blueprint.section", "blueprint.token_use",
    "coordination.responsible_section", "coordination.restricted_answer", "coordination.rule_set", "coordination.rule_set_in_force", "blueprint.quality_issue", "blueprint.mending", "blueprint.raster", "blueprint.publication_event", "blueprint.crs_transformation",
}  # fmt: skip
"""Tables that stand open on purpose: plan layers are authorised by layer, and a policy would switch their index off; a
kept answer is found by a hash of secrets alone; the key is kept by a grant; sections, who is responsible in a department, last uses of tokens, counts of
answers, rule sets (public) and the register of transformations name nothing that a member may not know."""

WATER = Actor("水利局", "SLJ", frozenset({Role.ANYONE, Role.DEPARTMENT}))
HERITAGE = Actor("文旅局", "WLJ", frozenset({Role.ANYONE, Role.DEPARTMENT}))
COORDINATOR = Actor("自然资源局", "ZRZY", frozenset({Role.ANYONE, Role.DEPARTMENT, Role.COORDINATOR}))
OF_A_DISTRICT = Actor(
    "铁东局", "TDJ", COORDINATOR.roles, territory=Territory("210302", departments=frozenset({"TDJ", "WLJ"}))
)
GRANTED = Actor("水利局", "SLJ", WATER.roles, grants=(Grant(1, "SECRET", "防洪", False),))
AUDITOR = Actor("审计", None, frozenset({Role.ANYONE, Role.AUDITOR}))
OPERATOR = Actor("账户", None, frozenset({Role.ANYONE, Role.OPERATOR}), person_id=900)
PERSON = Actor("张三", "SLJ", frozenset({Role.ANYONE, Role.REVIEWER}), person_id=1)
SUPERVISOR = Actor("督办", None, frozenset({Role.ANYONE, Role.SUPERVISOR}))
INTERFACE = Actor("coordination", None, frozenset({Role.ANYONE, Role.SERVICE}))

_ROWS = """
INSERT INTO blueprint.layer (code, title, department, geometry, control, conflict_when, buffer_m, tolerance_m2,
    sliver_width_m, sensitivity, is_base_map, threshold_share, position)
VALUES ('OPEN', 'o', 'SLJ', 'polygon', 'inform', 'inside', 0, 1, 1, 'public', FALSE, 0, 0),
    ('SECRET', 's', 'WLJ', 'polygon', 'inform', 'inside', 0, 1, 1, 'restricted', FALSE, 0, 0);
INSERT INTO coordination.project VALUES (1, 'CH-1', 'n', 'a', 'p', TRUE, NULL, 'x', 'x', now());
INSERT INTO coordination.project_event VALUES (1, 1, now(), 'x', NULL, 'a', '{}');
INSERT INTO coordination.footprint_revision
VALUES (1, 1, 1, ST_GeomFromText('MULTIPOLYGON(((0 0,9 0,9 9,0 0)))', 4550), 'c', 'o', '[]', 'x', now());
INSERT INTO coordination.check (id, project_id, footprint_revision_id, digest, on_day, verdict, report, footprint, made_by, made_at)
SELECT n, 1, 1, 'd' || n, now(), 'clear', CAST(report AS jsonb), ST_GeomFromText('MULTIPOLYGON(((0 0,9 0,9 9,0 0)))', 4550), 'x', now()
FROM (VALUES (1, '{"layers": [{"code": "OPEN", "outcome": "conflict"}]}'),
    (2, '{"layers": [{"code": "OPEN", "outcome": "clear"}, {"code": "SECRET", "outcome": "conflict"}]}')) AS kept (n, report);
INSERT INTO coordination.consultation VALUES (1, 1, 1, 1, 5, now(), 'x', now());
INSERT INTO coordination.opinion_request VALUES (1, 1, 'SLJ', now(), now() + interval '7 days', FALSE, '[]', 'd', NULL),
    (2, 1, 'WLJ', now(), now() + interval '7 days', FALSE, '[]', 'd', NULL);
INSERT INTO coordination.opinion (id, request_id, kind, given_by, given_on, given_at)
VALUES (1, 1, 'agree', 'x', now(), now()), (2, 2, 'no_objection', 'x', now(), now());
INSERT INTO coordination.opinion_condition (opinion_id, number, text) VALUES (1, 1, 't'), (2, 1, 't');
INSERT INTO coordination.earlier_opinion (opinion_id, number, content) VALUES (1, 1, '{}'), (2, 1, '{}');
INSERT INTO coordination.clock_stop (request_id, stopped_on, stop_reason, stopped_by) VALUES (1, now(), 't', 'x'), (2, now(), 't', 'x');
INSERT INTO coordination.due_change (request_id, at, by, from_on, from_provisional, to_on, to_provisional, why)
VALUES (1, now(), 'x', now(), FALSE, now(), FALSE, 't'), (2, now(), 'x', now(), FALSE, now(), FALSE, 't');
INSERT INTO coordination.notice (id, kind, department, office, text, made_at)
VALUES (gen_random_uuid(), 'asked', 'SLJ', NULL, 't', now()), (gen_random_uuid(), 'asked', 'WLJ', NULL, 't', now()),
    (gen_random_uuid(), 'asked', NULL, 'coordinator', 't', now());
INSERT INTO coordination.notice_delivery (notice_id, channel, address, attempts, next_try_at) SELECT id, 'email', 'a', 0, now() FROM coordination.notice;
INSERT INTO coordination.contest (request_id, finding, reason, contested_by, contested_at) VALUES (1, 1, 't', 'x', now()), (2, 1, 't', 'x', now());
INSERT INTO blueprint.publication_event (layer_id, starts_on, act, made_by) SELECT id, now(), 'in_force', 'x' FROM blueprint.layer WHERE code = 'OPEN';
INSERT INTO coordination.looked_at SELECT id, '[1]', now(), now() FROM blueprint.publication_event;
INSERT INTO coordination.recheck (event_id, project_id, layer, starts_on, check_before_id, check_id, verdict_before, findings, asked, released, made_at)
SELECT id, 1, 'OPEN', now(), 1, 1, 'clear', '[]', '[]', '[]', now() FROM blueprint.publication_event;
INSERT INTO coordination.meeting (id, project_id, state, question, departments, agenda, asked_by, asked_at)
VALUES (1, 1, 'asked', 'q', '{SLJ,TJJ}', '[]', 'x', now()), (2, 1, 'asked', 'q', '{WLJ,TJJ}', '[]', 'x', now());
INSERT INTO coordination.meeting_decision (meeting_id, number, department, text) VALUES (1, 1, 'SLJ', 't'), (2, 1, 'WLJ', 't');
INSERT INTO coordination.guidance_request (project_id, department, asked_of, question, asked_by, asked_at)
VALUES (1, 'QTJ', 'SLJ', 'q', 'x', now()), (1, 'HCJ', 'WLJ', 'q', 'x', now());
INSERT INTO coordination.attachment (project_id, request_id, file_name, kind, sha256, size_bytes, added_by, added_at)
VALUES (1, NULL, 'f', 'pdf', 's', 1, 'x', now()), (1, 1, 'f', 'pdf', 's', 1, 'x', now()), (1, 2, 'f', 'pdf', 's', 1, 'x', now());
INSERT INTO coordination.handling (request_id, state) VALUES (1, 'to_receive'), (2, 'to_receive');
INSERT INTO coordination.handling_event (request_id, step, state, at, by) VALUES (1, 'receive', 's', now(), 'x'), (2, 'receive', 's', now(), 'x');
INSERT INTO coordination.clearance VALUES (1, 1, 1, 1, 1, now(), 'x', now());
INSERT INTO coordination.handover VALUES (1, 1, 'm', 'b', 's', 0, now(), NULL, NULL, now(), 'handover');
INSERT INTO approval.case (id, message_id, message_sha256, planning_number, project_name, applicant, purpose, message, received_at)
VALUES (1, 'm', 's', 'CH-1', 'n', 'a', 'p', '{}', now());
INSERT INTO approval.case_message (case_id, planning_number, message_id, sha256, kind, message, received_at)
VALUES (1, 'CH-1', 'm', 's', 'handover', '{}', now());
INSERT INTO approval.case_stage (case_id, stage, position, case_provisional) VALUES (1, 'land_use_planning', 1, FALSE);
INSERT INTO approval.process_table VALUES ('v', 's', 'c', now());
INSERT INTO approval.item (id, case_id, code, round, title, department, day_unit, state, on_commitment, extended_days, provisional,
    verify_provisional)
VALUES (1, 1, 'A', 1, 't', 'SLJ', 'working', 'in_review', FALSE, 0, FALSE, FALSE);
INSERT INTO approval.item_step (item_id, number, step, state, taken_on, taken_at, taken_by, detail)
VALUES (1, 1, 'begin', 'in_review', now(), now(), 'x', '{}');
INSERT INTO approval.time_span (item_id, holder, starts_on) VALUES (1, 'department', now());
INSERT INTO approval.material (id, case_id, code, version, title, origin, given_on, given_by)
VALUES (1, 1, 'R', 1, 't', 'result', now(), 'x');
INSERT INTO approval.material_reader (material_id, name, first_at, last_at, times) VALUES (1, 'x', now(), now(), 1);
INSERT INTO approval.item_result (item_id, number, title, signed_by, signed_on, material_id) VALUES (1, 'n', 't', 'x', now(), 1);
INSERT INTO approval.promise (item_id, material, due_on) VALUES (1, 'M', now());
INSERT INTO approval.letter (kind, item_id, department, card, due_on, content, sent_by, sent_on)
VALUES ('item', 1, 'SLJ', 'red', now(), 'c', 'x', now());
INSERT INTO approval.joint_consultation (id, item_id, question, asked_by, asked_on, due_on, provisional)
VALUES (1, 1, 'q', 'x', now(), now(), FALSE);
INSERT INTO approval.consultation_answer (consultation_id, department) VALUES (1, 'SLJ');
INSERT INTO approval.obligation (case_id, source, department, content) VALUES (1, 'opinion', 'SLJ', 'c');
INSERT INTO approval.matter (item_id, kind, state, addressed_to, departments, question, asked_by, asked_department, asked_on)
VALUES (1, 'meeting', 'asked', 'SLJ', 'SLJ', 'q', 'x', 'SLJ', now());
INSERT INTO approval.refused_handover (body_sha256, body, size_bytes, family, detail, sent_by, first_at, last_at, times)
VALUES ('s', '', 0, 'conflict', 'd', 'x', now(), now(), 1);
INSERT INTO approval.month_figures VALUES ('all', 'all', '2026-03-01', 1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, '{0,1}', '{0,1}', '{0,1}');
INSERT INTO approval.exchange_row (table_name, key, content, content_sha256, state, queued_at) VALUES ('t', 'k', '{}', 's', 'waiting', now());
INSERT INTO approval.exchange_filling (filled_on, is_gapless, queued, errors, filled_by) VALUES (now(), TRUE, 0, 0, 'x');
INSERT INTO approval.month_cases VALUES ('all', 'all', '2026-03-01', '0001-01-01', 1);
INSERT INTO blueprint.access_grant (owner, department, purpose, state, may_export, most_exports, most_features)
VALUES ('WLJ', 'SLJ', 'p', 'requested', FALSE, 1, 1), ('WLJ', 'TJJ', 'p', 'requested', FALSE, 1, 1);
INSERT INTO blueprint.layer_version (id, layer_id, number, source_name, source_sha256, source_crs, operation, buffer_m,
    feature_count, vertex_count, quality, uploaded_by, uploaded_at, extent, has_overlaps)
SELECT id, id, 1, 's', 's', 'c', 'o', 0, 0, 0, '{}', 'x', now(), ST_MakeEnvelope(0, 0, 9, 9, 4550), FALSE FROM blueprint.layer;
INSERT INTO coordination.plan_audit (id, first_layer_id, second_layer_id, first_version_id, second_version_id, on_day, windows_done, found, made_by, started_at)
SELECT layer.id, open.id, layer.id, open.id, layer.id, now(), '{}', 1, 'x', now() FROM blueprint.layer INNER JOIN blueprint.layer AS open ON open.code = 'OPEN';
INSERT INTO coordination.plan_audit_overlap SELECT id, 1, 1, FALSE, ST_SetSRID(ST_MakePoint(0, 0), 4550) FROM coordination.plan_audit;
INSERT INTO coordination.plan_difference (first_layer_id, second_layer_id, first_key, second_key, overlap_m2, first_share, second_share, is_sliver, state, first_audit_id, last_audit_id, geom)
SELECT first_layer_id, second_layer_id, 'a', 'b', 1, 1, 1, FALSE, 'open', id, id, ST_SetSRID(ST_MakePoint(0, 0), 4550) FROM coordination.plan_audit;
INSERT INTO blueprint.export (number, version_id, account, department, format, sensitivity, features, bytes, sha256, exported_at)
SELECT number, layer.id, account, department_, 'gpkg', 'internal', 1, 1, 's', now()
FROM (VALUES ('1', 'OPEN', '督办', NULL), ('2', 'SECRET', '统计局', 'TJJ')) AS made (number, code, account, department_)
INNER JOIN blueprint.layer ON layer.code = made.code;
INSERT INTO blueprint.job (kind, act, sensitivity, layer, arguments, state, asked_by, asked_roles, asked_at, is_personal, told_layers, bytes_done, features_done, attempts, failures)
SELECT 'k', 'a', 'public', layer, '{}', 'waiting', asked_by, '{}', now(), is_personal, CAST(told AS text[]), 0, 0, 0, 0
FROM (VALUES ('水利局', TRUE, NULL, '{OPEN}'), ('x', TRUE, NULL, '{OPEN}'), ('x', FALSE, 'SECRET', '{}'), ('x', FALSE, 'OPEN', '{}'),
    ('x', FALSE, 'OPEN', '{SECRET}')) AS asked (asked_by, is_personal, layer, told);
INSERT INTO coordination.batch_check (account, file_name, on_day, rule_set, layers, summary, notes, content, made_at)
VALUES ('水利局', 'f', now(), 'r', '{}', '{}', '[]', '', now()), ('统计局', 'f', now(), 'r', '{}', '{}', '[]', '', now());
INSERT INTO blueprint.person (id, login, name, password_hash, must_change_password, is_sample, made_by, made_at)
VALUES (1, 'one', '张三', 'hash', FALSE, FALSE, 'x', now()), (2, 'two', '李四', 'hash', FALSE, FALSE, 'x', now());
INSERT INTO blueprint.appointment (person_id, role, department, starts_at, granted_by, granted_at)
VALUES (1, 'reviewer', 'SLJ', now(), 'x', now()), (2, 'reviewer', 'WLJ', now(), 'x', now());
INSERT INTO blueprint.session (sha256, person_id, made_at, last_seen_at, expires_at, way, awaits_code)
VALUES ('1', 1, now(), now(), now(), 'password', FALSE), ('2', 2, now(), now(), now(), 'password', FALSE);
INSERT INTO blueprint.second_factor (person_id, sealed_secret, made_at, last_step) VALUES (1, 's', now(), 0), (2, 's', now(), 0);
INSERT INTO blueprint.stand_in (department, login, deputy, starts_on, ends_on, reason, made_by, made_at)
VALUES ('SLJ', 'one', 'two', now(), now(), 'r', 'x', now()), ('WLJ', 'two', 'one', now(), now(), 'r', 'x', now());
INSERT INTO blueprint.recovery_code (person_id, sha256) VALUES (1, '1'), (2, '2');
INSERT INTO blueprint.linked_identity (person_id, issuer, subject, linked_by, linked_at)
VALUES (1, 'i', '1', 'x', now()), (2, 'i', '2', 'x', now());
INSERT INTO blueprint.token (sha256, label, department, is_service, made_at, made_by, expires_at)
VALUES ('1', 'a', 'SLJ', FALSE, now(), 'x', now()), ('2', 'b', 'WLJ', FALSE, now(), 'x', now());
INSERT INTO blueprint.failed_sign_in VALUES ('k', 1, now(), now());
SELECT blueprint.append_audit('[{"actor": "x", "roles": [], "channel": "console", "act": "a", "kind": "k", "thing": "t", "outcome": "done"}]');
"""

OF_OPINIONS = dict.fromkeys(
    ("coordination.opinion_condition", "coordination.earlier_opinion", "coordination.clock_stop",
     "coordination.due_change", "coordination.contest", "coordination.notice", "coordination.notice_delivery",
     "coordination.meeting", "coordination.meeting_decision", "coordination.guidance_request"), 1,
)  # fmt: skip
ALL_OPINIONS = (
    {"coordination.opinion_request": 2, "coordination.opinion": 2}
    | dict.fromkeys(OF_OPINIONS, 2)
    | dict.fromkeys(("coordination.notice", "coordination.notice_delivery"), 3)
    | {"coordination.attachment": 3}
    | dict.fromkeys(("coordination.looked_at", "coordination.recheck"), 1)
)
PLAN_AUDITS = ("coordination.plan_audit", "coordination.plan_audit_overlap", "coordination.plan_difference")
MEMBER_SEES = dict.fromkeys(PLAN_AUDITS, 1) | {
    "coordination.project": 1, "coordination.project_event": 1, "coordination.footprint_revision": 1, "coordination.check": 1,
    "coordination.consultation": 1, "coordination.opinion_request": 1, "coordination.opinion": 1,
    **OF_OPINIONS,
    "coordination.attachment": 2, "blueprint.job": 1,
    "coordination.clearance": 1, "coordination.handover": 1,
    **(APPROVAL := dict.fromkeys(
        ("approval.case", "approval.case_message", "approval.case_stage", "approval.process_table", "approval.item", "approval.item_step",
         "approval.time_span", "approval.material", "approval.material_reader", "approval.item_result", "approval.promise", "approval.letter",
         "approval.joint_consultation", "approval.consultation_answer", "approval.obligation", "approval.matter",
         "approval.refused_handover", "approval.month_figures", "approval.month_cases", "approval.case_standing", "approval.exchange_row",
         "approval.exchange_filling"), 1)),
}  # fmt: skip
ALL_CHECKS = dict.fromkeys((*PLAN_AUDITS, "coordination.check"), 2) | {"blueprint.job": 3}
NO_CHECKS = dict.fromkeys(ALL_CHECKS, 0)
EVERYTHING = {
    **MEMBER_SEES, **ALL_OPINIONS, **ALL_CHECKS,
    "coordination.handling": 2, "coordination.handling_event": 2, "blueprint.stand_in": 2,
    "blueprint.access_grant": 2, "blueprint.export": 2, "blueprint.person": 2, "blueprint.appointment": 2, "blueprint.session": 2,
    "coordination.batch_check": 2, "blueprint.job": 5, "blueprint.second_factor": 2, "blueprint.recovery_code": 2, "blueprint.linked_identity": 2,
    "blueprint.token": 2, "blueprint.failed_sign_in": 1, "blueprint.audit_entry": 1, "blueprint.audit_checkpoint": 0,
}  # fmt: skip
ACCOUNTS = {
    "blueprint.stand_in": 2, "blueprint.person": 2, "blueprint.appointment": 2, "blueprint.session": 2,
    "blueprint.second_factor": 2, "blueprint.recovery_code": 2, "blueprint.linked_identity": 2,
    "blueprint.token": 2, "blueprint.failed_sign_in": 1,
}  # fmt: skip
OWN_ACCOUNT = {"blueprint.person": 1, "blueprint.appointment": 1, "blueprint.session": 1} | {
    "blueprint.second_factor": 1, "blueprint.recovery_code": 1, "blueprint.linked_identity": 1,
}  # fmt: skip

OWN_BATCH = {"coordination.batch_check": 1, "blueprint.job": 2}
INSIDE = dict.fromkeys(("coordination.handling", "coordination.handling_event", "blueprint.stand_in"), 1)
"""What a department does inside is its own alone: not the coordinator's, not a supervisor's."""

MATRIX: list[tuple[str, Viewer | None, dict[str, int]]] = [
    ("nobody said", None, {}),
    ("nobody", NOBODY, {}),
    ("anonymous", viewer_of(ANONYMOUS), {}),
    ("a department", viewer_of(WATER), MEMBER_SEES | INSIDE | OWN_BATCH | {"blueprint.access_grant": 1, "blueprint.export": 1}),
    ("the department that owns what is restricted", viewer_of(HERITAGE),
     MEMBER_SEES | INSIDE | ALL_CHECKS | {"blueprint.access_grant": 2, "blueprint.export": 1}),
    ("a department with a grant", viewer_of(GRANTED),
     MEMBER_SEES | INSIDE | OWN_BATCH | ALL_CHECKS | {"blueprint.job": 4, "blueprint.access_grant": 1, "blueprint.export": 1}),
    ("a department's person", viewer_of(PERSON), MEMBER_SEES | INSIDE | OWN_ACCOUNT | {"blueprint.access_grant": 1, "blueprint.export": 1}),
    ("the coordinator", viewer_of(COORDINATOR),
     MEMBER_SEES | ALL_OPINIONS | ALL_CHECKS | {"blueprint.access_grant": 2}),
    ("a coordinator of a district", viewer_of(OF_A_DISTRICT),
     MEMBER_SEES | ALL_CHECKS | {"blueprint.access_grant": 2}),
    ("a token for opinions alone", viewer_of(replace(WATER, scope=Scope(acts=frozenset({Act.GIVE_OPINION})))),
     {table: count for table, count in MEMBER_SEES.items() if table.startswith("coordination.")}
     | NO_CHECKS | INSIDE | OWN_BATCH | {"blueprint.job": 1, "blueprint.access_grant": 1, "blueprint.export": 1}),
    ("a supervisor, who took one file away", viewer_of(SUPERVISOR),
     MEMBER_SEES | ALL_OPINIONS | {"blueprint.export": 1, "blueprint.access_grant": 2}),
    ("an auditor", viewer_of(AUDITOR), {"blueprint.audit_entry": 1, "blueprint.access_grant": 2, "blueprint.export": 2}),
    ("an operator", viewer_of(OPERATOR), ACCOUNTS),
    ("the interface", viewer_of(INTERFACE), APPROVAL),
    ("the door", DOOR, ACCOUNTS | {"blueprint.access_grant": 2, "blueprint.export": 2}),
    ("the console", viewer_of(at_console("root")), EVERYTHING),
]  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A database with rows of two departments, its service's role and its owner's."""

    url: str
    owner_url: str

    def connect(self) -> Any:
        """Plain psycopg2, as the service's role."""
        url = make_url(self.url)
        host, port = (url.query["host"], url.query["port"]) if url.query else (url.host, url.port)
        return psycopg2.connect(
            host=host, port=port, user=url.username, password=url.password, dbname=url.database
        )

    def signed(self, connection: Any, told: str, *, key: bytes | None = None) -> str:
        """What the service would set on this connection."""
        key = key if key is not None else wall_key(make_url(self.url).password)
        content = f"{connection.get_backend_pid()} {told}".encode()
        return f"{hmac.new(key, content, hashlib.sha256).hexdigest()} {told}"


def _told(viewer: Viewer) -> str:
    return viewer.told().decode()


@pytest.fixture(scope="module")
def place(server: Any, template: str) -> Iterator[Place]:
    database = f"{template}_wall_{secrets.token_hex(4)}"
    url = server.create(database, template=template)
    with server.administer(database) as connection:
        if wall_state(create_engine(url, poolclass=NullPool).connect()) is not WallState.UP:
            pytest.skip("the service's role owns this server's databases: there is no second wall to try")
        connection.exec_driver_sql(_ROWS)
    yield Place(url, server.owner_url(database))
    server.drop(database)


@pytest.fixture
def counts(place: Place) -> Callable[[str | None], dict[str, int]]:
    """How many rows of every walled table a setting shows, with nothing of our code in between."""

    def count(setting: str | Callable[[Any], str] | None) -> dict[str, int]:
        connection = place.connect()
        try:
            with connection.cursor() as cursor:
                if setting is not None:
                    value = setting(connection) if callable(setting) else setting
                    cursor.execute("SELECT set_config('blueprint.viewer', %s, TRUE)", (value,))
                found = {}
                for table in EVERYTHING:
                    cursor.execute(f"SELECT count(*) FROM {table}")
                    found[table] = cursor.fetchone()[0]
            return found
        finally:
            connection.close()

    return count


@pytest.mark.parametrize(("viewer", "seen"), [row[1:] for row in MATRIX], ids=[row[0] for row in MATRIX])
def test_every_table_shows_a_viewer_what_is_theirs(
    place: Place, counts: Any, viewer: Viewer | None, seen: dict[str, int]
):
    setting = None if viewer is None else lambda connection: place.signed(connection, _told(viewer))

    assert counts(setting) == dict.fromkeys(EVERYTHING, 0) | seen


def test_a_forged_setting_shows_nothing(place: Place, counts: Any):
    everything = _told(KEEPER)
    forged: list[Any] = [
        "",
        everything,
        f"{'0' * 64} {everything}",
        lambda connection: place.signed(connection, everything, key=b"guess"),
        lambda connection: place.signed(connection, _told(viewer_of(WATER)))[:64] + " " + everything,
        # Rightly signed, but for another connection.
        lambda _: place.signed(place.connect(), everything),
        "x" * 10_000,
    ]
    for setting in forged:
        assert counts(setting) == dict.fromkeys(EVERYTHING, 0)


def test_the_service_cannot_work_as_keeper(place: Place):
    connection = place.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET blueprint.keeper = 'on'")
        cursor.execute("SELECT count(*) FROM coordination.opinion")
        assert cursor.fetchone() == (0,)
    connection.close()


def test_what_is_told_is_over_with_the_transaction(place: Place):
    connection = place.connect()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('blueprint.viewer', %s, TRUE)", (place.signed(connection, _told(KEEPER)),)
        )
        cursor.execute("SELECT count(*) FROM coordination.opinion")
        assert cursor.fetchone() == (2,)
        connection.commit()
        cursor.execute("SELECT count(*) FROM coordination.opinion")
        assert cursor.fetchone() == (0,)
    connection.close()


def test_a_query_that_forgets_its_filter_does_not_leak_another_departments_opinions(place: Place):
    engine = make_engine(place.url)
    with Session(engine) as session:
        enter(session, viewer_of(WATER))
        everything = session.scalars(select(Opinion)).all()
        guessed = session.get(OpinionRequest, 2)
    with Session(engine) as session:
        enter(session, viewer_of(COORDINATOR))
        assert len(session.scalars(select(Opinion)).all()) == 2
    engine.dispose()

    assert [opinion.request_id for opinion in everything] == [1]
    assert guessed is None


def test_a_department_can_neither_answer_nor_change_for_another(place: Place):
    engine = make_engine(place.url)
    with pytest.raises(Exception, match="row-level security"), Session(engine) as session, session.begin():
        enter(session, viewer_of(WATER))
        session.execute(text("UPDATE coordination.opinion_request SET department = 'WLJ' WHERE id = 1"))
    with Session(engine) as session:
        enter(session, viewer_of(WATER))
        changed = session.execute(
            text("UPDATE coordination.opinion SET kind = 'agree' WHERE request_id = 2 RETURNING id")
        )
        assert changed.all() == []
        removed = session.execute(text("DELETE FROM coordination.opinion WHERE request_id = 2 RETURNING id"))
        assert removed.all() == []
    engine.dispose()


def test_a_session_tells_its_viewer_in_every_transaction_and_when_it_changes(place: Place):
    engine = make_engine(place.url)

    def seen(session: Session) -> int:
        return int(session.scalar(text("SELECT count(*) FROM coordination.opinion")) or 0)

    with seeing(NOBODY), Session(engine) as session:
        assert seen(session) == 0
        enter(session, viewer_of(WATER))
        assert seen(session) == 1
        with session.begin_nested():
            assert seen(session) == 1
        session.commit()
        assert seen(session) == 1
        enter(session, KEEPER)
        assert seen(session) == 2
        session.rollback()
        assert seen(session) == 2
        enter(session, NOBODY)
        assert seen(session) == 0
    engine.dispose()


def test_a_request_is_for_nobody_until_it_is_known_who_asks(place: Place):
    """`serve` runs at the console, which sees everything: what comes in over HTTP must not inherit that."""
    engine, seen = make_engine(place.url), []

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        with Session(engine) as session:
            seen.append(session.scalar(text("SELECT count(*) FROM coordination.project")))

    async def nothing(*_: Any) -> Any:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": "/api/me", "query_string": b"", "headers": []}
    with seeing(KEEPER):
        asyncio.run(Outer(app, tiles=app, settings=Settings())(scope, nothing, nothing))
        asyncio.run(app(None, None, None))
    engine.dispose()

    assert seen == [0, 1]


def test_what_goes_past_the_telling_reads_no_walled_table():
    read = {
        name: set(re.findall(r"(?:FROM|JOIN|INTO|UPDATE)\s+(\w+\.\w+)\b(?!\s*\()", statement.prepare))
        for name, statement in PREPARED.items()
    }

    assert {"overlaps", "snapshot"} <= set(read)
    assert "blueprint.part" in read["overlaps"]
    assert set().union(*read.values()) <= OPEN


def test_features_and_parts_keep_their_index(place: Place):
    connection = place.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        for statement in (
            "SELECT 1 FROM blueprint.part WHERE geom && ST_MakeEnvelope(0, 0, 9, 9, 4550)"
            " AND ST_Intersects(ST_MakeEnvelope(0, 0, 9, 9, 4550), geom)",
            "SELECT 1 FROM blueprint.tile_sheet WHERE version_id = 1 AND level = 1"
            " AND extent && ST_MakeEnvelope(0, 0, 9, 9, 3857)",
        ):
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "&&" in plan.partition("Index Cond")[2], plan
            assert "viewer" not in plan and "sees" not in plan
    connection.close()


def test_every_table_is_behind_the_wall_or_open_on_purpose(place: Place):
    connection = place.connect()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relnamespace::regnamespace || '.' || relname, relrowsecurity AND relforcerowsecurity FROM pg_class"
            " WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text IN ('blueprint', 'coordination', 'approval')"
        )
        walled = dict(cursor.fetchall())
    connection.close()

    assert {table for table, is_walled in walled.items() if not is_walled} == OPEN
    assert {table for table, is_walled in walled.items() if is_walled} == set(EVERYTHING)
    assert {f"{table.schema}.{table.name}" for table in Base.metadata.tables.values()} <= set(walled)


def test_the_check_in_short_is_for_members_and_tells_no_report(place: Place):
    engine = make_engine(place.url)
    statement = text("SELECT * FROM coordination.latest_check_in_short(1)")
    with seeing(viewer_of(WATER)), Session(engine) as session:
        (row,) = session.execute(statement).all()
        assert row._fields == ("id", "on_day", "made_at")
        assert row.id == 2
        assert session.scalar(text("SELECT count(*) FROM coordination.check")) == 1
    with seeing(NOBODY), Session(engine) as session:
        assert session.execute(statement).all() == []
    engine.dispose()


def test_the_directory_names_everybody_to_whoever_is_known_and_no_secret(place: Place):
    engine = make_engine(place.url)
    statement = text("SELECT * FROM blueprint.directory(now())")
    with seeing(viewer_of(WATER)), Session(engine) as session:
        rows = session.execute(statement).all()
        assert [tuple(row) for row in rows] == [
            ("one", "张三", "reviewer", "SLJ", None),
            ("two", "李四", "reviewer", "WLJ", None),
        ]
        assert session.scalar(text("SELECT count(*) FROM blueprint.person")) == 0
    with seeing(NOBODY), Session(engine) as session:
        assert session.execute(statement).all() == []
    engine.dispose()


def test_with_one_role_for_all_the_policies_still_filter_and_the_state_is_said(place: Place):
    """As with a DATABASE_URL alone: no key, so nothing is signed, but a forgotten filter leaks nothing."""
    engine = make_engine(place.owner_url)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL blueprint.keeper = 'on'"))
        let_in(connection, place.owner_url)
        assert wall_state(connection) is WallState.OWNED
    try:
        for viewer, seen in ((viewer_of(WATER), 1), (viewer_of(COORDINATOR), 2), (NOBODY, 0), (KEEPER, 2)):
            with seeing(viewer), Session(engine) as session:
                assert session.scalar(text("SELECT count(*) FROM coordination.opinion")) == seen
    finally:
        with engine.begin() as connection:
            let_in(connection, place.url)
        engine.dispose()


def test_the_states_of_the_wall(place: Place, server: Any):
    with create_engine(place.url, poolclass=NullPool).connect() as connection:
        assert wall_state(connection) is WallState.UP
    with server.administer(make_url(place.url).database) as connection:
        assert wall_state(connection) is WallState.DOWN
