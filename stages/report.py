"""report: one page that shows the whole run, from what its stages left behind."""

from lab.params_yaml import Params
from lab.report.run import page
from stages import DATA, REPORTS, run


def main(params: Params) -> dict:
    return page.write(REPORTS / "index.html", DATA, REPORTS, params)


if __name__ == "__main__":
    run("report", main)
