"""What is said of an uploaded file over HTTP: one form for a whole file and for a delta."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form

from blueprint.edge import Edge
from blueprint.given import Day, Text
from blueprint.layers import storing
from blueprint.layers.coverage import read_coverage
from blueprint.layers.models import Layer
from blueprint.permissions import Actor
from blueprint.standards.loading import find_standard
from blueprint.standards.mapping import parse_pairs


@dataclass(frozen=True)
class UploadForm:
    """The fields of the form beside the file."""

    sublayer: Annotated[Text | None, Form(max_length=200)] = None
    crs: Annotated[Text | None, Form(max_length=4000)] = None
    encoding: Annotated[Text | None, Form(max_length=40)] = None
    valid_until: Annotated[Day | None, Form()] = None
    review_by: Annotated[
        Day | None, Form(description="复核期限 last day on which the data are stood by; expired after it")
    ] = None
    coverage: Annotated[
        Text | None,
        Form(max_length=60_000, description="覆盖范围 GeoJSON polygon of the area that the data speak of"),
    ] = None
    districts: Annotated[
        Text | None, Form(max_length=2000, description="the same by district codes, with commas between")
    ] = None
    mapping: Annotated[
        Text | None, Form(max_length=4000, description="字段映射 fields of the file: YOURS=STANDARD,…")
    ] = None
    in_force_from: Annotated[Day | None, Form()] = None
    accept_crs: Annotated[
        Text | None,
        Form(max_length=40, description="接受诊断建议的坐标系 a CRS that the diagnosis suggested"),
    ] = None
    split: Annotated[bool, Form(description="舍去其他几何类型 leave features of other kinds out")] = False
    mend: Annotated[bool, Form(description="修复无效图形 mend invalid shapes, or refuse them")] = True
    reference: Annotated[
        Text | None,
        Form(
            max_length=60,
            description="参照图层 layer on which the data should lie, for shifts of map services",
        ),
    ] = None
    confirm_warnings: Annotated[
        Text | None, Form(max_length=2000, description="确认警告的理由 why the warnings may stand")
    ] = None

    def upload(self, layer: Layer, actor: Actor, edge: Edge) -> storing.Upload:
        """What the form says, as the reader of files wants it."""
        standard = find_standard(layer.standard) if layer.standard is not None else None
        return storing.Upload(
            actor=actor,
            sublayer=self.sublayer,
            crs=self.crs,
            encoding=self.encoding,
            valid_until=self.valid_until,
            review_by=self.review_by,
            coverage=read_coverage(self.coverage, self.districts, city=edge.city, scratch=edge.scratch),
            accept_crs=self.accept_crs,
            split=self.split,
            mend=self.mend,
            reference=self.reference,
            objects=edge.objects,
            mapping=parse_pairs(self.mapping.split(",") if self.mapping else (), standard),
        )


UploadFormDep = Annotated[UploadForm, Depends()]
