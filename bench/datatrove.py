"""datatrove 0.10.1, the reference of the curation benchmarks, in a separate virtual environment.

In: a folder. Out: the environment's python; datatrove is installed by pip on first use (network, libmagic). It cannot
be a dependency of the lab: its pins contradict the lab's.
"""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

from bench.processes import pip_install
from lab.errors import LabError

VENV = Path(".lab/bench/datatrove-venv")
# The packages that its results and speed depend on, as pip resolved them for 0.10.1; pip chooses the rest.
REQUIREMENTS = (
    "datatrove[io,processing]==0.10.1",
    "fasttext-numpy2-wheel==0.9.2",  # fastText's original package fails under numpy 2
    "lxml_html_clean==0.4.6",  # split off from lxml; jusText, which trafilatura uses, needs it
    "nltk==3.10.4",
    "numpy==2.4.6",
    "spacy==3.8.18",  # the word tokenizer of German and English
    "tldextract==5.4.0",
    "trafilatura==1.11.0",
)


def datatrove_python(folder: Path = VENV) -> Path:
    """The python of an environment with datatrove, which is created where it is missing or outdated.

    Raises LabError if datatrove can't be installed.
    """
    python = (folder / "bin/python").absolute()
    marker = folder / "requirements.txt"  # written last
    requirements = "\n".join(REQUIREMENTS)
    if marker.is_file() and marker.read_text() == requirements:
        return python
    print(f"installing {REQUIREMENTS[0]} into {folder} ...", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    pip_install(python, "datatrove", folder, *REQUIREMENTS)
    if subprocess.run([python, "-c", "import magic"], stderr=subprocess.DEVNULL).returncode:
        raise LabError("datatrove's WARC reader needs libmagic: install it (Debian: libmagic1; macOS: libmagic).")
    marker.write_text(requirements)
    return python
