"""Reads TWKB for the tests, a number at a time: what it cannot read, our tiles cannot either."""

from collections.abc import Iterator

import shapely


def from_twkb(content: bytes) -> shapely.Geometry:
    """The shape, none of its points left out."""
    kind, decimals, more = content[0] & 15, content[0] >> 5, content[1]
    assert not content[0] & 16, "decimals before the point"
    assert more == 0, "a box, a size, names or nothing"
    numbers = _numbers(content[2:])
    place = [0, 0]

    def step() -> tuple[float, ...]:
        for axis in range(2):
            number = next(numbers)
            place[axis] += (number >> 1) ^ -(number & 1)
        return tuple(each / 10**decimals for each in place)

    def single(of: int) -> shapely.Geometry:
        if of == 1:
            return shapely.Point(step())
        if of == 2:
            return shapely.LineString([step() for _ in range(next(numbers))])
        shell, *holes = [[step() for _ in range(next(numbers))] for _ in range(next(numbers))]
        return shapely.Polygon(shell, holes)

    if kind <= 3:
        shape = single(kind)
    else:
        collect = {4: shapely.MultiPoint, 5: shapely.MultiLineString, 6: shapely.MultiPolygon}[kind]
        shape = collect([single(kind - 3) for _ in range(next(numbers))])
    assert next(numbers, None) is None, "bytes behind the shape"
    return shape


def _numbers(content: bytes) -> Iterator[int]:
    number, shift = 0, 0
    for byte in content:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield number
            number, shift = 0, 0
    assert shift == 0, "ends within a number"
