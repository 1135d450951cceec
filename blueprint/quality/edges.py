"""The directed edges of polygons, summed: what two neighbours run in opposite directions cancels out."""

from dataclasses import dataclass

import numpy as np
import shapely


@dataclass(frozen=True)
class EdgeSum:
    """Edges, each once in one direction, with how often it is run that way less how often the other way."""

    key: np.ndarray
    start: np.ndarray
    end: np.ndarray
    net: np.ndarray

    @classmethod
    def nothing(cls) -> "EdgeSum":
        """No edge."""
        return cls(np.zeros(0, np.uint64), np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.int64))

    @classmethod
    def of(cls, shapes: np.ndarray) -> "EdgeSum":
        """The edges of polygons, shells run anticlockwise and holes clockwise."""
        rings = shapely.get_rings(shapely.get_parts(shapely.orient_polygons(shapes)))
        points, ring = shapely.get_coordinates(rings, return_index=True)
        points = points + 0.0  # one zero, not two
        hashed = _hash(points)
        first = np.nonzero(ring[1:] == ring[:-1])[0]
        key = hashed[first + 1] - hashed[first]
        is_turned = key > (np.uint64(0) - key)
        key = np.where(is_turned, np.uint64(0) - key, key)
        net = np.where(is_turned, -1, 1)
        net[key == 0] = 0  # a point that is there twice
        keep, key, net = _summed(key, net)
        turned = is_turned[keep][:, None]
        start, end = points[first[keep]], points[first[keep] + 1]
        return cls(key, np.where(turned, end, start), np.where(turned, start, end), net)

    def plus(self, other: "EdgeSum") -> "EdgeSum":
        """Both together."""
        keep, key, net = _summed(np.concatenate([self.key, other.key]), np.concatenate([self.net, other.net]))
        start, end = np.concatenate([self.start, other.start]), np.concatenate([self.end, other.end])
        return EdgeSum(key, start[keep], end[keep], net)

    def of_rows(self, rows: np.ndarray) -> "EdgeSum":
        """Some of them."""
        return EdgeSum(self.key[rows], self.start[rows], self.end[rows], self.net[rows])


def _summed(key: np.ndarray, net: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One row, key and sum for every key whose sum is not zero."""
    if not len(key):
        return np.zeros(0, int), key, net
    order = np.argsort(key, kind="stable")
    key = key[order]
    firsts = np.concatenate([[0], np.nonzero(key[1:] != key[:-1])[0] + 1])
    sums = np.add.reduceat(net[order], firsts)
    left = sums != 0
    return order[firsts[left]], key[firsts[left]], sums[left]


def _hash(points: np.ndarray) -> np.ndarray:
    """64 bits of a point's 128 (splitmix64); an edge is known by the difference of its ends', its reverse by the negative.

    Two of ten million edges are taken for the same with a chance of 10⁻⁵.
    """
    bits = np.ascontiguousarray(points).view(np.uint64)
    return mixed(mixed(bits[:, 0]) + bits[:, 1] * np.uint64(0x9E3779B97F4A7C15))


def mixed(bits: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64: bits that are near each other become bits that are not."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))
