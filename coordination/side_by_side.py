"""Contradictions as they are shown (并列): what each department says, about which finding, and the place that they share."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.layers.models import Layer
from blueprint.permissions import Act, Actor, may
from blueprint.sharing.purposes import record_reading
from coordination.composition import about_finding, department_names, restricted_layers
from coordination.consultation import requests_of
from coordination.contradictions import Contradiction, Side, find_contradictions
from coordination.marks import as_geojson
from coordination.models import OpinionRequest, Project
from coordination.opinion_schemas import ContradictionList, ContradictionOut, SideOut
from coordination.rounds import standing_requests


def contradictions_of(session: Session, project: Project, *, city: City, actor: Actor) -> ContradictionList:
    """What of the opinions that stand has to be compared; a place that a layer tells is shown to who may read that layer."""
    requests = {request.id: request for request in standing_requests(requests_of(session, project)).values()}
    restricted = restricted_layers(session)

    def side(each: Side) -> SideOut:
        return SideOut(
            **{
                name: getattr(each, name)
                for name in SideOut.model_fields.keys() - {"department_name", "about"}
            },
            department_name=department_names([each.department], city)[0],
            about=about_finding(requests[each.request_id], each.finding, restricted),
        )

    found = find_contradictions(list(requests.values()))
    hidden = _not_readable(session, found, requests, actor=actor)
    return ContradictionList(
        items=[
            ContradictionOut(
                kind=each.kind.value,
                one=side(each.one),
                other=side(each.other),
                place=None
                if each.place is None or _layers(each, requests) & hidden
                else as_geojson(each.place, city),
            )
            for each in found
        ]
    )


def _not_readable(
    session: Session, found: Sequence[Contradiction], requests: dict[int, OpinionRequest], *, actor: Actor
) -> set[str]:
    """The layers of these places that the actor may not read; that the others were told of is recorded (Art. 17)."""
    codes = {code for each in found for code in _layers(each, requests)}
    layers = session.scalars(select(Layer).where(Layer.code.in_(codes))).all() if codes else []
    read = [layer for layer in layers if may(actor, Act.READ_LAYER, layer.thing)]
    if read:
        numbers = ", ".join(str(number) for number in sorted(requests))
        record_reading(session, actor, [layer.thing for layer in read], kind="opinion_request", id=numbers)
    return codes - {layer.code for layer in read}


def _layers(found: Contradiction, requests: dict[int, OpinionRequest]) -> set[str]:
    """The layers whose findings the place is of."""
    if found.place is None:
        return set()
    sides = (found.one, found.other)
    return {requests[s.request_id].findings[s.finding - 1]["layer"] for s in sides if s.finding is not None}
