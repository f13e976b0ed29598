"""datatrove, the reference that curation is measured against, in a virtual environment of its own.

In: a folder. Out: the environment's python, with datatrove 0.10.1 installed by pip when it is not there yet. It is
never a dependency of the lab: its pins contradict the lab's.
"""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

from bench.processes import pip_install
from lab.errors import LabError

VENV = Path(".lab/bench/datatrove-venv")
# What decides its results and its speed, as pip resolved it for 0.10.1; the rest is pip's choice.
REQUIREMENTS = (
    "datatrove[io,processing]==0.10.1",
    "fasttext-numpy2-wheel==0.9.2",  # fastText's own package can't predict under numpy 2
    "lxml_html_clean==0.4.6",  # of lxml, taken apart since; jusText, which trafilatura uses, needs it
    "nltk==3.10.4",
    "numpy==2.4.6",
    "spacy==3.8.18",  # the word tokenizer of German and English
    "tldextract==5.4.0",
    "trafilatura==1.11.0",
)


def datatrove_python(folder: Path = VENV) -> Path:
    """The python of an environment that has datatrove; makes the environment where it is missing or outdated.

    Raises LabError where it can't be installed.
    """
    python = (folder / "bin/python").absolute()
    marker = folder / "requirements.txt"  # written last
    wanted = "\n".join(REQUIREMENTS)
    if marker.is_file() and marker.read_text() == wanted:
        return python
    print(f"installing {REQUIREMENTS[0]} into {folder} ...", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    pip_install(python, "datatrove", folder, *REQUIREMENTS)
    if subprocess.run([python, "-c", "import magic"], stderr=subprocess.DEVNULL).returncode:
        raise LabError("datatrove's WARC reader needs libmagic: install it (Debian: libmagic1; macOS: libmagic).")
    marker.write_text(wanted)
    return python
