"""Sealing what must not lie in the database in clear: AES-256-GCM with the deployment's own key (NIST SP 800-38D)."""

import base64
import binascii
import os
import secrets
import stat
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from blueprint.errors import ConflictError, InvalidInputError, UnavailableError

KEY_BYTES = 32
_NONCE_BYTES = 12


class Sealer:
    """Seals and opens with the key of a setting, or of a file that is made when it is first needed."""

    def __init__(self, *, key: str | None = None, path: Path | None = None) -> None:
        self._key = read_key(key) if key is not None else None
        self._path = path

    def seal(self, content: bytes, *, about: str) -> bytes:
        """The content so that only this key opens it, and only as being `about` the same thing."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, about.encode())

    def open(self, sealed: bytes, *, about: str) -> bytes | None:
        """The content; None when another key sealed it, it was altered, or it is about something else."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about.encode())
        except (InvalidTag, ValueError):
            return None

    @cached_property
    def _cipher(self) -> AESGCM:
        if self._key is not None:
            return AESGCM(self._key)
        if self._path is None:
            raise UnavailableError("this start has no key to seal secrets with; set BLUEPRINT_SECRET_KEY")
        try:
            return AESGCM(_key_of_file(self._path))
        except OSError as error:
            raise UnavailableError(
                "the key file {path} cannot be read or made: {strerror}; mend it, or set"
                " BLUEPRINT_SECRET_KEY",
                path=self._path,
                strerror=error.strerror,
            ) from error


def read_key(text: str) -> bytes:
    """A key as it is written: 32 bytes in base64."""
    try:
        key = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError("the key is not written in base64; {how}", how=_HOW) from error
    if len(key) != KEY_BYTES:
        raise InvalidInputError(
            "the key has {count} bytes and not {key_bytes}; {how}",
            count=len(key),
            key_bytes=KEY_BYTES,
            how=_HOW,
        )
    return key


_HOW = "make one with `openssl rand -base64 32`"


def _key_of_file(path: Path) -> bytes:
    """The key of the file; of several processes that find none, one makes it and all use it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            os.fsync(stream.fileno())
        try:
            path.hardlink_to(made)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConflictError("others can read the key file {path}; run `chmod 600 {path}`", path=path)
    return read_key(path.read_text(encoding="ascii", errors="replace"))
