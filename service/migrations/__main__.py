"""`python -m service.migrations`: prints the newest revision; ends with 1 where two migrations follow the same one."""

import sys

from alembic.util import CommandError

from service.migrations import head_revision


def main() -> int:
    """Say where the chain ends, or that it forks."""
    try:
        head = head_revision()
    except CommandError:
        sys.stderr.write(
            "two migrations follow the same one; let `down_revision` of the newer one name the other\n"
        )
        return 1
    sys.stdout.write(f"migrations are one chain up to {head}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
