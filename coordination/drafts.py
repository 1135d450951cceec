"""A draft of an opinion (意见草稿) as it is kept on its way inside a department: plain JSON, marks in the working CRS."""

from collections.abc import Mapping
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from blueprint.city import City
from blueprint.city_router import to_lonlat
from coordination.models import OpinionKind, Source
from coordination.opinions import Answer, Condition, FindingKind, OpinionGiven

_TEXTS = ("conditions", "reason", "remark", "basis", "would_agree_if", "evidence")


def draft_of(given: OpinionGiven) -> dict[str, Any]:
    """An opinion that is still to be given, as it is kept."""
    return {
        "kind": str(given.kind),
        **{name: getattr(given, name) for name in _TEXTS},
        "source": str(given.source),
        "markup": _kept(given.markup),
        "condition_list": [
            {"text": each.text, "finding": each.finding, "place": _kept(each.place)}
            for each in given.condition_list
        ],
        "answers": [vars(each) | {"kind": str(each.kind)} for each in given.answers],
    }


def given_by(draft: Mapping[str, Any], *, srid: int, amends: int | None) -> OpinionGiven:
    """The opinion that a kept draft is; its conditions are those of the list, which the text repeats."""
    return OpinionGiven(
        kind=OpinionKind(draft["kind"]),
        **{name: draft[name] for name in _TEXTS if name != "conditions"},
        condition_list=tuple(
            Condition(each["text"], each["finding"], _shape(each["place"], srid))
            for each in draft["condition_list"]
        ),
        markup=_shape(draft["markup"], srid),
        answers=tuple(
            Answer(each["finding"], FindingKind(each["kind"]), each["text"]) for each in draft["answers"]
        ),
        source=Source(draft["source"]),
        amends=amends,
    )


def draft_shown(draft: Mapping[str, Any], city: City) -> dict[str, Any]:
    """A kept draft with its marks in longitude and latitude."""

    def lonlat(mark: Any) -> Any:
        return (
            None if mark is None else shapely.geometry.mapping(to_lonlat(shapely.geometry.shape(mark), city))
        )

    conditions = [each | {"place": lonlat(each["place"])} for each in draft["condition_list"]]
    return {**draft, "markup": lonlat(draft["markup"]), "condition_list": conditions}


def _kept(shape: BaseGeometry | None) -> Any:
    return None if shape is None else shapely.geometry.mapping(shape)


def _shape(mark: Any, srid: int) -> BaseGeometry | None:
    if mark is None:
        return None
    shape: BaseGeometry = shapely.set_srid(shapely.geometry.shape(mark), srid)
    return shape
