"""Updates of the blueprint: which open projects are checked again, who is asked, who is released."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.database import make_engine
from blueprint.layers.models import Layer, LayerVersion
from blueprint.objects import objects_of
from blueprint.permissions import at_console
from coordination import consultation, projects
from coordination.clearance import clear_project
from coordination.clock import SYSTEM
from coordination.dry_run import dry_run
from coordination.limits import OpinionStatus
from coordination.models import Check, Consultation, Opinion, OpinionRequest, Project
from coordination.notice_models import Notice, NoticeKind, Office
from coordination.opinion_requests import request_status
from coordination.opinions import give_opinion
from coordination.recheck_job import put_in_recheck
from coordination.responsibility import Why
from coordination.rule_file import parse_rule_set
from coordination.rule_publication import put_in_force
from coordination.update_models import LookedAt, Recheck
from coordination.updates import recheck_due
from tests.conftest import OBJECTS
from tests.coordination.test_rounds import AGREE, answer, consult, register
from tests.coordination.test_rule_sets import _rule
from tests.coordination.world import (
    CALENDAR,
    COORDINATOR,
    NOW,
    WATER,
    footprint,
    install_layer,
    install_layers,
    store_draft,
)
from tests.rasters import slope, store_raster, write_tif

NEXT_DAY = NOW + timedelta(days=1)
SYSTEM_ACTOR = at_console(SYSTEM)


@pytest.fixture
def engine(fresh_database: str, world: City) -> Iterator[Engine]:
    """A database of its own with the world's layers, looked at already, and a project that river and heritage are asked about."""
    made = make_engine(fresh_database, objects=OBJECTS)
    with Session(made) as session, session.begin():
        install_layers(session, world)
    recheck(made, world, now=NOW)
    with Session(made) as session, session.begin():
        consult(session, world, register(session, world))
    yield made
    made.dispose()


def update(engine: Engine, world: City, code: str, strip: tuple[float, float]) -> None:
    with Session(engine) as session, session.begin():
        install_layer(session, world, code, strip, starts_on=NEXT_DAY.date())


def recheck(engine: Engine, world: City, now: object = NEXT_DAY) -> int:
    return recheck_due(engine, city=world, calendar=CALENDAR, now=now)  # type: ignore[arg-type]


def requests(session: Session) -> dict[str, list[str]]:
    """The states of each department's requests, in the order they were made."""
    found: dict[str, list[str]] = {}
    for request in session.scalars(select(OpinionRequest).order_by(OpinionRequest.id)):
        found.setdefault(request.department, []).append(request_status(request, NEXT_DAY.date()))
    return found


def told(session: Session, kind: NoticeKind) -> list[str | None]:
    return [n.department or n.office for n in session.scalars(select(Notice).where(Notice.kind == kind))]


def test_a_department_whose_conflict_has_gone_is_released_and_one_newly_touched_is_asked(
    engine: Engine, world: City
) -> None:
    with Session(engine) as session, session.begin():
        answer(session, session.scalars(select(Consultation)).one(), "slj")
    update(engine, world, "heritage", (400, 500))
    update(engine, world, "farmland", (0, 230))

    assert recheck(engine, world) == 1, "one check is of both updates"

    with Session(engine) as session:
        assert requests(session) == {
            "fgw": [OpinionStatus.AWAITED],
            "slj": [OpinionStatus.GIVEN],
            "wlj": [OpinionStatus.WITHDRAWN],
            "zrzy": [OpinionStatus.AWAITED],
        }
        [first] = session.scalars(select(Recheck))
        assert (first.layer, first.released, first.asked) == ("heritage", ["wlj"], ["zrzy"])
        assert [(f["layer"], f["change"]) for f in first.findings] == [
            ("farmland", "new"),
            ("heritage", "gone"),
        ]
        assert (first.verdict_before, first.verdict_after) == ("restrict", "prohibit")
        assert told(session, NoticeKind.RELEASED) == ["wlj"]
        assert told(session, NoticeKind.RECHECK) == [Office.COORDINATOR]
        assert session.scalars(select(Opinion)).one().kind == "agree"
        rounds = session.scalars(select(Consultation).order_by(Consultation.round)).all()
        assert [(r.round, [q.department for q in r.requests]) for r in rounds] == [
            (1, ["fgw", "slj", "wlj"]),
            (2, ["zrzy"]),
        ]


def test_a_department_told_other_findings_is_asked_again_and_the_next_clearance_needs_no_new_check(
    engine: Engine, world: City
) -> None:
    with Session(engine) as session, session.begin():
        for department in ("slj", "wlj", "fgw"):
            answer(session, session.scalars(select(Consultation)).one(), department)
    update(engine, world, "river", (200, 310))

    recheck(engine, world)

    with Session(engine) as session, session.begin():
        asked = session.scalars(select(OpinionRequest).order_by(OpinionRequest.id.desc())).first()
        assert asked is not None
        assert (asked.department, asked.why) == ("slj", Why.CHANGED)
        (found,) = session.scalars(select(Recheck)).one().findings
        assert (found["change"], found["after"]["overlap_m2"] > found["before"]["overlap_m2"]) == (
            "grown",
            True,
        )
        give_opinion(session, asked.id, AGREE, actor=WATER, calendar=CALENDAR, now=NEXT_DAY)
        project = session.scalars(select(Project)).one()
        clear_project(session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NEXT_DAY)


def test_only_what_the_difference_touches_is_checked_again_and_each_update_once(
    engine: Engine, world: City
) -> None:
    with Session(engine) as session, session.begin():
        far = register(session, world, 600, 640)
        projects.check_project(session, far.id, city=world, actor=COORDINATOR, now=NOW)
        never_checked = register(session, world, 330, 345)
        far_id, never_checked_id = far.id, never_checked.id
        checks_before = len(session.scalars(select(Check)).all())
    update(engine, world, "heritage", (250, 340))

    assert recheck(engine, world) == 1
    assert recheck(engine, world) == 0

    with Session(engine) as session:
        looked = session.scalars(select(LookedAt).order_by(LookedAt.event_id.desc())).first()
        assert looked is not None
        assert far_id not in looked.project_ids
        assert never_checked_id in looked.project_ids
        assert looked.done_at == NEXT_DAY
        assert len(session.scalars(select(Check)).all()) == checks_before + 1
        assert session.scalars(select(Recheck)).one().findings == []
        assert told(session, NoticeKind.RECHECK) == []


def test_a_project_that_was_checked_on_the_new_version_is_not_checked_again_for_it(
    engine: Engine, world: City
) -> None:
    """It was registered and checked after the update, before the update was followed up: there is nothing to tell of."""
    update(engine, world, "heritage", (250, 340))
    with Session(engine) as session, session.begin():
        project = register(session, world, 330, 345)
        projects.check_project(session, project.id, city=world, actor=COORDINATOR, now=NEXT_DAY)
        project_id = project.id

    recheck(engine, world)

    with Session(engine) as session:
        rechecked = session.scalars(select(Recheck.project_id)).all()
        checks = session.scalars(select(Check).where(Check.project_id == project_id)).all()
    assert (project_id in rechecked, len(checks)) == (False, 1)


@pytest.mark.parametrize("strip", [(250, 350), (500, 600)])
def test_what_follows_a_version_past_its_term_is_noticed_by_the_sites_of_either(
    engine: Engine, world: City, strip: tuple[float, float]
) -> None:
    """With the same features the difference is empty, though nothing was found while the earlier one was not asked any more."""
    with Session(engine) as session, session.begin():
        ended = session.scalars(
            select(LayerVersion)
            .join(Layer, Layer.id == LayerVersion.layer_id)
            .where(Layer.code == "heritage")
        ).one()
        ended.valid_until = NOW.date()
    update(engine, world, "heritage", strip)

    assert recheck(engine, world) == 1

    with Session(engine) as session, session.begin():
        [project] = session.scalars(select(Project))
        assert session.scalars(select(Recheck)).one().project_id == project.id
        draft = store_draft(session, world, "heritage", (250, 350))
        draft.layer.versions[-2].valid_until = NOW.date()
        session.flush()
        day = NEXT_DAY.date()
        assert (
            dry_run(session, draft, starts_on=day, city=world, actor=COORDINATOR, now=NOW).touched_projects
            == 1
        )


def test_who_was_told_that_a_layer_is_past_its_term_is_told_that_it_is_clear(
    engine: Engine, world: City
) -> None:
    """Neither version meets the site: what changes in its report is that the layer is asked again."""
    with Session(engine) as session, session.begin():
        ended = session.scalars(
            select(LayerVersion)
            .join(Layer, Layer.id == LayerVersion.layer_id)
            .where(Layer.code == "farmland")
        ).one()
        ended.valid_until = NOW.date() - timedelta(days=1)
        session.flush()
        [project] = session.scalars(select(Project))
        projects.check_project(session, project.id, city=world, actor=COORDINATOR, now=NOW)
    update(engine, world, "farmland", (0, 90))

    assert recheck(engine, world) == 1

    with Session(engine) as session:
        checks = session.scalars(select(Check).order_by(Check.id))
        told = [
            layer["outcome"] for c in checks for layer in c.report["layers"] if layer["code"] == "farmland"
        ]
        assert told == ["clear", "expired", "clear"]


def test_a_version_is_looked_at_from_its_first_day_on_and_work_that_broke_off_is_gone_on_with(
    engine: Engine, world: City
) -> None:
    update(engine, world, "heritage", (400, 500))
    assert recheck(engine, world, now=NOW) == 0
    recheck(engine, world)
    with Session(engine) as session, session.begin():
        session.delete(session.scalars(select(Recheck)).one())
        for looked in session.scalars(select(LookedAt)):
            looked.done_at = None

    assert recheck(engine, world, now=NEXT_DAY + timedelta(hours=1)) == 1


def test_a_project_that_is_adjusted_is_checked_and_nobody_is_asked(engine: Engine, world: City) -> None:

    with Session(engine) as session, session.begin():
        project = session.scalars(select(Project)).one()
        consultation.revise_footprint(
            session,
            project.id,
            footprint(world, 220, 330),
            city=world,
            calendar=CALENDAR,
            actor=COORDINATOR,
            now=NOW,
        )
        projects.check_project(session, project.id, city=world, actor=COORDINATOR, now=NOW)
    update(engine, world, "heritage", (400, 500))

    assert recheck(engine, world) == 1

    with Session(engine) as session:
        found = session.scalars(select(Recheck)).one()
        assert (found.asked, found.released) == ([], [])
        assert told(session, NoticeKind.RECHECK) == [Office.COORDINATOR]


def test_nobody_is_released_by_a_check_for_which_a_raster_could_not_be_read(
    engine: Engine, world: City, tmp_path: Path
) -> None:
    """The river is no longer met, but what the slopes say is not known: the recheck is refused, and says why."""
    tif = write_tif(tmp_path / "slope.tif", slope() + 0.25)
    with Session(engine) as session, session.begin():
        raster = store_raster(session, world, tif, "slope", threshold_above=5).raster
        assert raster is not None
        objects_of(session).existing(raster.object_sha256).unlink()
    update(engine, world, "river", (400, 500))

    recheck(engine, world)

    with Session(engine) as session:
        assert requests(session)["slj"] == [OpinionStatus.AWAITED]
        rechecks = session.scalars(select(Recheck)).all()
        assert {each.layer for each in rechecks} == {"river", "slope"}
        for each in rechecks:
            assert "the file of slope cannot be read at present" in (each.failed or "")
            assert (each.check_id, each.findings, each.released, each.asked) == (None, [], [], [])
        assert told(session, NoticeKind.RELEASED) == []


def end_term(engine: Engine, code: str) -> None:
    """Let the version in force be stood by until today, and no longer."""
    with Session(engine) as session, session.begin():
        layer = select(Layer.id).where(Layer.code == code).scalar_subquery()
        session.scalars(
            select(LayerVersion).where(LayerVersion.layer_id == layer)
        ).one().review_by = NOW.date()


def test_a_layer_whose_term_ends_by_the_day_is_followed_up_once_and_nobody_is_released_by_it(
    engine: Engine, world: City
) -> None:
    """No act is done on that day: what is due is looked for. What is no longer asked is not gone for who was told of it."""
    end_term(engine, "heritage")
    end_term(engine, "farmland")
    with Session(engine) as session, session.begin():
        assert put_in_recheck(session, actor=SYSTEM_ACTOR, now=NOW) is None, "the last day is still in time"
    assert recheck(engine, world, now=NOW) == 0

    with Session(engine) as session, session.begin():
        assert put_in_recheck(session, actor=SYSTEM_ACTOR, now=NEXT_DAY) is not None
    assert recheck(engine, world) == 1
    assert recheck(engine, world, now=NEXT_DAY + timedelta(days=3)) == 0

    with Session(engine) as session:
        [found] = session.scalars(select(Recheck))
        assert (found.layer, found.starts_on, found.event.act) == ("heritage", NEXT_DAY.date(), "expired")
        assert [(f["layer"], f["change"], f["causes"]) for f in found.findings] == [
            ("heritage", "gone", ["not_asked"])
        ]
        assert (found.released, found.asked) == ([], [])
        assert requests(session)["wlj"] == [OpinionStatus.AWAITED]
        notices = session.scalars(select(Notice).where(Notice.kind == NoticeKind.RECHECK)).all()
        told_of = {notice.department or notice.office: notice.text for notice in notices}
        assert set(told_of) == {"wlj", "zrzy", Office.COORDINATOR}
        assert "图层到期后已复检" in told_of[Office.COORDINATOR]
        assert "其范围内有在办项目 1 个" in told_of["wlj"]
        assert "其范围内有在办项目 0 个" in told_of["zrzy"]


def test_a_project_that_was_checked_after_a_term_ended_is_not_checked_again_for_it(
    engine: Engine, world: City
) -> None:
    end_term(engine, "heritage")
    with Session(engine) as session, session.begin():
        project = register(session, world, 330, 345)
        projects.check_project(session, project.id, city=world, actor=COORDINATOR, now=NEXT_DAY)
        project_id = project.id

    recheck(engine, world)

    with Session(engine) as session:
        assert project_id not in session.scalars(select(Recheck.project_id)).all()


def test_an_update_that_is_followed_up_late_is_noticed_as_far_as_the_rules_go_by_then(
    engine: Engine, world: City, tmp_path: Path
) -> None:
    """The update is no nearer than 100 m to the project; rules that look 200 m far came into force after it."""
    later = NEXT_DAY + timedelta(days=1)
    plain = "code: world\nversion: 1\nrules:\n" + _rule("farmland", control="prohibit")
    far = plain.replace("version: 1", "version: 2") + "    relation: within_distance\n    distance_m: 200\n"
    path = tmp_path / "rules.yaml"
    path.write_text(plain, "utf-8")
    city = replace(world, rules_path=path)
    update(engine, city, "farmland", (0, 110))
    with Session(engine) as session, session.begin():
        rules = parse_rule_set(far.encode(), "far.yaml")
        put_in_force(session, rules, starts_on=later.date(), city=city, actor=COORDINATOR, now=later)

    assert recheck(engine, city, now=later) == 1
