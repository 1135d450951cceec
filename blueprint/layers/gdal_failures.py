"""What GDAL complains of while rows are read: it then ends the stream as if there were no more, and pyogrio says nothing of it."""

import contextlib
import ctypes
import re
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyogrio

from blueprint.errors import InvalidInputError

_FAILURE = 3
"""`CE_Failure` of GDAL's cpl_error.h."""

_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_int, ctypes.c_char_p)
_gdal = ctypes.CDLL(pyogrio._err.__file__)  # the GDAL that pyogrio brings with it
_gdal.CPLPushErrorHandler.argtypes = [_HANDLER]
_gdal.CPLPushErrorHandler.restype = None
_PATH = re.compile(r"/\S*/")


class FileBrokenError(InvalidInputError):
    """That GDAL failed within a file; `said` is what it complained of."""

    def __init__(self, said: str) -> None:
        super().__init__(
            "the file is damaged, or not all of it can be read: {error}; export it again",
            error=_PATH.sub("", said).partition(" You may set")[0][:200],
        )
        self.said = said


def unless_broken(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches; FileBrokenError once GDAL fails on one: what follows would be missing in silence."""
    waiting = iter(batches)
    while True:
        with _heard() as failures:
            batch = next(waiting, None)
        if failures:
            raise FileBrokenError(failures[0])
        if batch is None:
            return
        yield batch


@contextlib.contextmanager
def _heard() -> Iterator[list[str]]:
    """The failures that GDAL reports in this thread meanwhile."""
    failures: list[str] = []

    @_HANDLER  # type: ignore[untyped-decorator]  # ctypes has no types for prototypes
    def listen(level: int, _number: int, message: bytes) -> None:
        if level >= _FAILURE:
            failures.append(message.decode("utf-8", "replace"))

    _gdal.CPLPushErrorHandler(listen)
    try:
        yield failures
    finally:
        _gdal.CPLPopErrorHandler()
