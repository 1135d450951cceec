"""The service's log: one JSON object a line on standard error, with the request's id, and never a secret."""

import logging
import re
import sys
from typing import IO, Any

import structlog
from structlog.types import EventDict, WrappedLogger

_REDACTED = "[redacted]"
_SECRET_NAME = re.compile(
    r"authori[sz]ation|cookie|password|passwd|secret|token|signature|otp|credential|session_id|recovery_code",
    re.IGNORECASE,
)
_SECRET_VALUES = (
    (re.compile(r"\[parameters: .*?\]\s*(?=\n|$)", re.DOTALL), f"[parameters: {_REDACTED}]"),
    (re.compile(r"(DETAIL:  (?:Failing row contains|Key)) .*"), rf"\1 {_REDACTED}"),
    (re.compile(r"\bob_[A-Za-z0-9_-]{16,}"), "ob_" + _REDACTED),
    (re.compile(r"\b(Bearer|Basic)\s+[^\s'\",]+", re.IGNORECASE), rf"\1 {_REDACTED}"),
    (re.compile(r"(://[^\s:/@]+:)[^\s@]+@"), rf"\1{_REDACTED}@"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), _REDACTED),
    (re.compile(r"([?&](?:code|state|key)=)[^\s&'\"]+"), rf"\1{_REDACTED}"),
    (re.compile(r"\$argon2\w*\$[^\s'\"]+"), _REDACTED),
    (
        re.compile(
            r"""((?:authori[sz]ation|cookie|password|passwd|secret|token|signature|otp)["']?\s*[=:]\s*["']?)"""
            r"""[^\s"'&,;}]+""",
            re.IGNORECASE,
        ),
        rf"\1{_REDACTED}",
    ),
)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take secrets out of a log entry: values of telling names, and texts that look like one; tracebacks too."""
    return {name: _REDACTED if _SECRET_NAME.search(name) else _clean(value) for name, value in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        for pattern, instead in _SECRET_VALUES:
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, bytes):
        return _clean(value.decode("utf-8", "replace"))
    if isinstance(value, dict):
        return redact(None, "", value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(part) for part in value]
    return value if isinstance(value, bool | int | float | None) else _clean(str(value))


_ALL = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def set_up_logging(level: str, *, stream: IO[str] | None = None) -> None:
    """Send every log of this process, those of libraries too, through one formatter that redacts."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_ALL,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    structlog.configure(
        processors=[*_ALL, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
