"""What a child of the cell streams out: batches of Arrow, looked through before anything is made of them."""

from collections.abc import Collection, Iterator
from typing import IO

import pyarrow as pa

from blueprint.errors import UnavailableError


class BrokenOffError(Exception):
    """The stream ended in the middle: how the child ended says why."""


def sent_batches(output: IO[bytes], schemas: Collection[pa.Schema] = ()) -> Iterator[pa.RecordBatch]:
    """The batches of one stream, of one of these schemas where any are named.

    A child may have been taken over by the file that it read: UnavailableError where the bytes of a batch do not fit together.
    """
    try:
        stream = pa.ipc.open_stream(output)
    except (pa.ArrowInvalid, OSError) as error:
        raise BrokenOffError from error
    with stream:
        if schemas and not any(stream.schema.equals(schema) for schema in schemas):
            raise UnavailableError("what a process of ours sent is none of what was asked of it")
        while (batch := _next(stream)) is not None:
            try:
                batch.validate(full=True)
            except pa.ArrowInvalid as error:
                raise UnavailableError(
                    "what a process of ours sent is damaged: {error}", error=error
                ) from error
            yield batch


def _next(stream: pa.RecordBatchReader) -> pa.RecordBatch | None:
    try:
        return stream.read_next_batch()
    except StopIteration:
        return None
    except (pa.ArrowInvalid, OSError) as error:  # an OSError where it breaks off inside of a batch
        raise BrokenOffError from error
