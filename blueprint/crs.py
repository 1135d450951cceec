"""Coordinate reference systems: which one a file is in, and the best way from it into the working CRS."""

import warnings
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from pyproj.transformer import TransformerGroup

from blueprint.errors import InvalidInputError

CRS84 = "OGC:CRS84"
"""WGS 84, longitude first: what GeoJSON (RFC 7946) is in."""

WEB_MERCATOR_SRID = 3857


class NoPathError(InvalidInputError):
    """A CRS from which no trustworthy way leads into the working one (HTTP 422, exit 2)."""


class UnnamedDatumError(NoPathError):
    """A datum of no known name with the ellipsoid of the working CRS: it may be the same, which a person can say."""


@dataclass(frozen=True)
class Operation:
    """A coordinate operation: its name, its accuracy in metres (None: unknown) and the transformers, one after another.

    `pipeline` says the same as one PROJ pipeline, x before y on both sides, where PROJ by itself would choose another way.
    """

    source: str
    name: str
    accuracy_m: float | None
    transformers: tuple[Transformer, ...]
    pipeline: str | None = None

    @property
    def moves(self) -> bool:
        """Whether it does anything at all: not where both systems are one."""
        return self.name != "none"

    def apply(self, geometries: np.ndarray) -> np.ndarray:
        """Transform an array of 2D shapely geometries, x before y on both sides."""
        if not self.moves:
            return geometries
        return np.asarray(
            shapely.transform(geometries, lambda xy: np.column_stack(self.move(xy[:, 0], xy[:, 1])))
        )

    def move(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Transform points given as x and y."""
        for transformer in self.transformers:
            x, y = transformer.transform(x, y)
        return x, y


def parse_crs(text: str) -> CRS:
    """A CRS from EPSG:n, a WKT or an OGC name; a bad one is refused with how to write it."""
    try:
        return CRS.from_user_input(text)
    except (CRSError, UnicodeEncodeError) as error:  # half a character is no text for PROJ
        short = text if len(text) < 60 else text[:57] + "…"
        raise InvalidInputError(
            "{short!r} is no coordinate system I know; write it like EPSG:4550", short=short
        ) from error


def label(crs: CRS) -> str:
    """The shortest unambiguous name: EPSG:n when it is exactly one, else the CRS's own name."""
    authority = crs.to_authority(min_confidence=70)
    return ":".join(authority) if authority else crs.name


@lru_cache(maxsize=64)
def best_operation(source_text: str, working_crs: str) -> Operation:
    """The most accurate operation from the source CRS into the working CRS.

    A CRS on a datum without a known path to the working one (Xian 1980, Beijing 1954, local grids) is refused
    (NoPathError): PROJ alone would take the coordinates over unchanged, a silent shift of up to a hundred metres.
    """
    source, target = parse_crs(source_text), CRS.from_user_input(working_crs)
    if source.is_compound:
        source = source.sub_crs_list[0]
    if source.equals(target, ignore_axis_order=True):
        return Operation(label(source), "none", 0.0, (Transformer.from_crs(source, target, always_xy=True),))
    if not (source.is_projected or source.is_geographic or source.is_bound):
        raise InvalidInputError(
            "{source} is neither projected nor geographic; give the layer's map CRS", source=label(source)
        )
    if _datum(source) == "WGS 84" and _datum(target) == "CGCS2000":
        # Both follow the ITRF within decimetres (hazards of GCJ-02 are another matter); PROJ has no operation for it,
        # and takes long to find that out: longitude and latitude are the same numbers on both.
        is_plain = source.equals(CRS.from_epsg(4326), ignore_axis_order=True)
        transformer = Transformer.from_crs("EPSG:4490" if is_plain else source, target, always_xy=True)
        name = "WGS 84 视为 CGCS2000，再作地图投影 taken as CGCS2000, then map projection"
        return Operation(label(source), name, 1.0, (transformer,))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a more accurate grid exists but is not installed
            group = TransformerGroup(source, target, always_xy=True)
        transformer = Transformer.from_crs(source, target, always_xy=True, allow_ballpark=False)
    except ProjError as error:
        raise _no_path(source, target) from error
    known = [t for t in group.transformers if "ballpark" not in t.description.lower()]
    if not known:
        raise _no_path(source, target)
    accuracy = known[0].accuracy if known[0].accuracy is not None and known[0].accuracy >= 0 else None
    return Operation(label(source), known[0].description, accuracy, (transformer,))


_DATUMS = {4326: "WGS 84", 4979: "WGS 84", 4490: "CGCS2000", 4480: "CGCS2000"}


def _datum(crs: CRS) -> str | None:
    geodetic = crs.geodetic_crs
    number = geodetic.to_epsg(min_confidence=20) if geodetic is not None else None
    if number in _DATUMS:
        return _DATUMS[number]
    name = (geodetic.datum.name if geodetic is not None and geodetic.datum is not None else "").lower()
    if "world geodetic system 1984" in name or name == "wgs_1984":
        return "WGS 84"
    return "CGCS2000" if ("china" in name and "2000" in name) or "cgcs_2000" in name else None


def _no_path(source: CRS, target: CRS) -> NoPathError:
    geodetic, wanted = source.geodetic_crs, target.geodetic_crs
    ours = wanted.ellipsoid if wanted is not None else None
    theirs = geodetic.ellipsoid if geodetic is not None else None
    is_alike = (
        ours is not None
        and theirs is not None
        and (
            abs(theirs.semi_major_metre - ours.semi_major_metre) < 1e-3
            and abs(theirs.inverse_flattening - ours.inverse_flattening) < 1e-6
        )
    )
    if is_alike and geodetic is not None and geodetic.datum is not None:
        # Parameters of CGCS2000 under a name of somebody's own: local grids look the same, so only a person can tell.
        return UnnamedDatumError(
            "the coordinate system {source_name!r} is on a datum {datum_name!r} that is not named as"
            " CGCS2000, though it has its ellipsoid; if it is CGCS2000, say so by the coordinate system"
            " (--crs at the console), like EPSG:4550; a local grid needs its parameters (blueprint crs register)",
            source_name=source.name,
            datum_name=geodetic.datum.name,
        )
    return NoPathError(
        "there is no registered transformation from {source} ({source_name}) to {target}; have the data"
        " transformed to CGCS2000 with official parameters and upload it again, or have the operator"
        " register the parameters (blueprint crs register)",
        source=label(source),
        source_name=source.name,
        target=label(target),
    )
