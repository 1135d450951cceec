"""Transformations that an operator registered: the ways from old datums and local grids that PROJ does not know."""

from collections.abc import Callable
from dataclasses import dataclass

from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from blueprint.crs import NoPathError, Operation, best_operation, label, parse_crs
from blueprint.errors import InvalidInputError


@dataclass(frozen=True)
class RegisteredTransformation:
    """A transformation that an operator registered with its parameters: from a CRS, or a local grid by a name of ours.

    `kind` is `seven` (position vector: dx, dy, dz in m, rx, ry, rz in arc seconds, scale in ppm, between the geographic
    systems) or `pipeline` (a PROJ pipeline from x, y of the source to easting, northing of `target`, in m).
    """

    number: int
    source: str
    kind: str
    parameters: str
    target: str
    accuracy_m: float
    document: str

    def operation(self, source_text: str, working_crs: str) -> Operation:
        """The registered transformation as an operation into the working CRS."""
        # The parameters themselves are not for everybody who may read a version.
        name = f"registered transformation {self.number} ({self.document})"
        if self.kind == "pipeline":
            steps: tuple[Transformer, ...] = (_pipeline(self.parameters),)
            if not CRS.from_user_input(self.target).equals(
                CRS.from_user_input(working_crs), ignore_axis_order=True
            ):
                steps = (*steps, Transformer.from_crs(self.target, working_crs, always_xy=True))
            return Operation(self.source, name, self.accuracy_m, steps, _one_pipeline(steps))
        source, target = parse_crs(source_text), CRS.from_user_input(working_crs)
        old, new = source.geodetic_crs, target.geodetic_crs
        assert old is not None and new is not None
        steps = (
            Transformer.from_crs(source, old, always_xy=True),
            _pipeline(_seven_parameters(self.parameters, old, new)),
            Transformer.from_crs(new, target, always_xy=True),
        )
        return Operation(label(source), name, self.accuracy_m, steps, _one_pipeline(steps))

    def fits(self, source_text: str) -> bool:
        """Say whether it leads from this CRS: the same one, or for seven parameters one on the same datum."""
        if self.source.casefold() == source_text.strip().casefold():
            return True
        if self.is_local:
            return False
        try:
            own, other = parse_crs(self.source), parse_crs(source_text)
        except InvalidInputError:
            return False
        if self.kind == "pipeline":
            return own.equals(other, ignore_axis_order=True)
        return _datum_key(own) == _datum_key(other)

    @property
    def is_local(self) -> bool:
        """Say whether the source is a grid that only its city knows, named LOCAL: and a word."""
        return self.source.upper().startswith("LOCAL:")


Register = Callable[[], tuple[RegisteredTransformation, ...]]
"""Gives the city's registered transformations when a footprint needs them (`crs_registry.register_for`); `tuple` gives none."""


def find_operation(
    source_text: str, working_crs: str, registered: tuple[RegisteredTransformation, ...] = ()
) -> Operation:
    """The best operation that PROJ knows, else one that an operator registered; NoPathError when there is neither."""
    for transformation in registered:
        if transformation.is_local and transformation.fits(source_text):
            return transformation.operation(source_text, working_crs)
    try:
        return best_operation(source_text, working_crs)
    except NoPathError:
        for transformation in registered:
            if transformation.fits(source_text):
                return transformation.operation(source_text, working_crs)
        raise


def _datum_key(crs: CRS) -> str:
    geodetic = crs.geodetic_crs
    number = geodetic.to_epsg(min_confidence=20) if geodetic is not None else None
    return str(number) if number is not None else (geodetic.name if geodetic is not None else crs.name)


def _pipeline(text: str) -> Transformer:
    try:
        return Transformer.from_pipeline(text)
    except ProjError as error:
        raise InvalidInputError("PROJ cannot read the pipeline: {error}", error=error) from error


def _one_pipeline(transformers: tuple[Transformer, ...]) -> str:
    """The steps of several transformers as one pipeline, which may not hold others."""
    steps = []
    for transformer in transformers:
        definition = transformer.definition
        steps.append(
            definition.removeprefix("proj=pipeline ")
            if definition.startswith("proj=pipeline ")
            else f"step {definition}"
        )
    return " ".join(f"+{word}" for word in f"proj=pipeline {' '.join(steps)}".split())


def _seven_parameters(parameters: str, old: CRS, new: CRS) -> str:
    """Degrees on the old ellipsoid to degrees on the new one, by way of the earth's centre; heights are 0."""
    try:
        dx, dy, dz, rx, ry, rz, scale = (float(part) for part in parameters.split(","))
    except ValueError:
        raise InvalidInputError(
            "seven parameters are DX,DY,DZ,RX,RY,RZ,S: metres, arc seconds, parts per million"
        ) from None
    ellipsoids = [crs.ellipsoid for crs in (old, new)]
    assert all(ellipsoid is not None for ellipsoid in ellipsoids)
    first, second = (
        f"+a={e.semi_major_metre} +rf={e.inverse_flattening}" for e in ellipsoids if e is not None
    )
    return (
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad"
        f" +step +proj=cart {first}"
        f" +step +proj=helmert +x={dx} +y={dy} +z={dz} +rx={rx} +ry={ry} +rz={rz} +s={scale}"
        " +convention=position_vector"
        f" +step +inv +proj=cart {second} +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
