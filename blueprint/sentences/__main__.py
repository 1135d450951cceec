"""`make sentences`: bring the catalogue up to the code, and say what is still to be done by hand."""

import sys

from blueprint.sentences.gathering import update

if __name__ == "__main__":
    faults = update()
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    sys.exit(1 if faults else 0)
