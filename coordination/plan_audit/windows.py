"""Windows of an audit: the ground is quartered until few enough features come into each; every pair belongs to one window."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

MAX_FEATURES = 20_000
"""So many features of both layers come into a window, as long as quartering helps. With half as many a cluster of two workers
took a fifth more of the processors: windows are handed over one by one, and what lies on a border comes into each."""

_MOST_REPEATED = 1.5
"""Quarters that hold, all together, more than so many times the features of the whole are no help: as windows get
smaller than features, each one crosses into two quarters at least."""

_MAX_DEPTH = 20
"""Features that meet in one point come into one quarter again and again."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Window:
    """A piece of ground (west, south, east, north in metres) with the rows of the features whose boxes come into it.

    Its west and south edge belong to it, its east and north edge do not.
    """

    path: str
    box: Box
    first: np.ndarray
    second: np.ndarray


def windows(
    first: np.ndarray, second: np.ndarray, *, most: int = MAX_FEATURES, done: Collection[str] = ()
) -> Iterator[Window]:
    """The windows in which boxes of both layers lie (one row west, south, east, north a feature), in a fixed order.

    The same boxes give the same windows with the same paths, so that an audit goes on where it was left: windows that are
    done, by their paths, are left out, and what lies around them is quartered down to them, also where they were made of
    fewer features than `most`.
    """
    if not len(first) or not len(second):
        return
    west, south = np.maximum(first.min(axis=0), second.min(axis=0))[:2]
    east, north = np.minimum(first.max(axis=0), second.max(axis=0))[2:]
    if west > east or south > north:
        return
    whole = (float(west), float(south), float(east) + 1.0, float(north) + 1.0)
    root = Window(
        "",
        whole,
        _within(first, np.arange(len(first)), whole),
        _within(second, np.arange(len(second)), whole),
    )
    begun = {path[:depth] for path in done for depth in range(len(path))}
    yield from _quartered(root, first, second, most, frozenset(done), begun)


def _quartered(
    window: Window,
    first: np.ndarray,
    second: np.ndarray,
    most: int,
    done: Collection[str],
    begun: Collection[str],
) -> Iterator[Window]:
    if not len(window.first) or not len(window.second) or window.path in done:
        return
    count = len(window.first) + len(window.second)
    is_deep = len(window.path) >= _MAX_DEPTH
    if window.path in begun:
        quarters = list(_quarters(window, first, second))
    else:
        quarters = [] if count <= most or is_deep else list(_quarters(window, first, second))
        # Where features are as large as the window they come into every quarter: then it is left as it is.
        if not quarters or sum(len(q.first) + len(q.second) for q in quarters) > _MOST_REPEATED * count:
            yield window
            return
    for quarter in quarters:
        yield from _quartered(quarter, first, second, most, done, begun)


def _quarters(window: Window, first: np.ndarray, second: np.ndarray) -> Iterator[Window]:
    west, south, east, north = window.box
    x, y = (west + east) / 2, (south + north) / 2
    boxes = ((west, south, x, y), (x, south, east, y), (west, y, x, north), (x, y, east, north))
    for number, box in enumerate(boxes):
        yield Window(
            f"{window.path}{number}",
            box,
            _within(first, window.first, box),
            _within(second, window.second, box),
        )


def _within(boxes: np.ndarray, rows: np.ndarray, box: Box) -> np.ndarray:
    west, south, east, north = box
    mine = boxes[rows]
    meets = (mine[:, 0] <= east) & (mine[:, 2] >= west) & (mine[:, 1] <= north) & (mine[:, 3] >= south)
    return np.asarray(rows[meets])


def owned(first: np.ndarray, second: np.ndarray, box: Box) -> np.ndarray:
    """Which pairs of boxes belong to a window: those whose common box has its lower left corner in it."""
    x = np.maximum(first[:, 0], second[:, 0])
    y = np.maximum(first[:, 1], second[:, 1])
    west, south, east, north = box
    return np.asarray((x >= west) & (x < east) & (y >= south) & (y < north))
