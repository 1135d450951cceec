"""What schemathesis is told before each call."""

import secrets
from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """A client makes a key of its own for every act; a used one for another act is refused, as it should be.

    A call that is made to lack a header is left as it is: schemathesis would think the lack was mended.
    """
    scenario = getattr(case.meta.phase.data, "scenario", None) if case.meta is not None else None
    if scenario == schemathesis.checks.CoverageScenario.MISSING_PARAMETER:
        return
    if 0 < len((case.headers or {}).get("Idempotency-Key") or "") < 256:
        case.headers["Idempotency-Key"] = secrets.token_hex(16)
