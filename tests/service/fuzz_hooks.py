"""What schemathesis is told before each call, and which calls `make test` need not repeat."""

import os
import secrets
from typing import Any

import schemathesis
from schemathesis.checks import CoverageScenario

LONG = "FUZZ_SECONDS" in os.environ
"""`make fuzz`: every case everywhere."""

_tried: set[tuple[str, ...]] = set()


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Leave out, but for `make fuzz`, a wrong request that has the same fault as one already made.

    A field of a wrong type is wrong alike whether it holds a list or a number; headers but for If-Match, and methods,
    are read by one piece of code for all operations.
    """
    found = case.meta.phase.data if case.meta is not None else None
    scenario = getattr(found, "scenario", None)
    if LONG or scenario is None or case.meta is None:
        return True
    where, parameter = str(found.parameter_location), found.parameter or ""
    if scenario == CoverageScenario.UNSPECIFIED_HTTP_METHOD:
        key = (case.path,)
    elif "HEADER" in where and parameter != "If-Match":
        key = (case.method, parameter, found.description)
    elif case.meta.generation.mode.is_negative:
        key = (case.operation.label, where, parameter, found.description.removeprefix(f"{parameter}: "))
    else:
        return True
    if key in _tried:
        return False
    _tried.add(key)
    return True


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """A client makes a key of its own for every act; a used one for another act is refused, as it should be.

    A call that is made to lack a header is left as it is: schemathesis would think the lack was mended.
    """
    scenario = getattr(case.meta.phase.data, "scenario", None) if case.meta is not None else None
    if scenario == CoverageScenario.MISSING_PARAMETER:
        return
    if 0 < len((case.headers or {}).get("Idempotency-Key") or "") < 256:
        case.headers["Idempotency-Key"] = secrets.token_hex(16)
