"""A table of words and numbers, as a terminal shows it or as Markdown for a pull request."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table as RichTable


@dataclass(frozen=True)
class Table:
    """`rows` are as long as `headings`; the first column is text, the others are figures if `figures`."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: bool = True

    def markdown(self) -> str:
        """GitHub's dialect."""
        rules = [":--", *["--:" if self.figures else ":--"] * (len(self.headings) - 1)]
        lines = [self.headings, rules, *self.rows]
        return "\n".join(
            [f"**{_escaped(self.title)}**", "", *(f"| {' | '.join(map(_escaped, row))} |" for row in lines)]
        )

    def rich(self, styles: dict[str, str]) -> "RichTable":
        """For a terminal. `styles`: cell -> its style."""
        from rich.table import Table as RichTable

        from lab.cli.terminal import harmless

        table = RichTable(
            title=harmless(self.title), title_justify="left", title_style="bold", box=None, pad_edge=False
        )
        for number, heading in enumerate(self.headings):
            right = self.figures and number > 0
            table.add_column(harmless(heading), justify="right" if right else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*(harmless(cell, styles.get(cell, "")) for cell in row))
        return table


def _escaped(cell: str) -> str:
    return " ".join(cell.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
