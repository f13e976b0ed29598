"""`python -m stages NAME`: run one stage, as dvc.yaml does."""

import sys

from lab.pipeline import NAMES
from stages import run

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in NAMES:
        names = ", ".join(NAMES)
        asked = sys.argv[1:] and sys.argv[1] in ("-h", "--help")
        print(f"usage: python -m stages NAME, where NAME is one of {names}", file=sys.stdout if asked else sys.stderr)
        sys.exit(0 if asked else 2)
    run(sys.argv[1])
