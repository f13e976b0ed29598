"""Pages that people reported of other extractors: without these their text is lost or mixed with another, silently."""

import json
import os
from pathlib import Path

import pytest

from lab.curate.extract import extract_text

_FOLDER = Path(os.environ.get("LAB_SHARED", "../shared")) / "cases" / "curation"
_CASES = _FOLDER / "cases.json"


def cases() -> list[dict]:
    listed = json.loads(_CASES.read_text()) if _CASES.is_file() else []
    return [case for case in listed if case["how"] == "lab.curate.extract.extract_text"]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_a_reported_page(case: dict):
    text = " ".join(extract_text((_FOLDER / case["file"]).read_bytes()).split())
    assert [part for part in case["expected"]["contains"] if " ".join(part.split()) not in text] == []
    assert [part for part in case["expected"]["not"] if part in text] == []


PROSE = "The gardener waters the tall beans before the sun grows too hot, and the well gives enough for all of them."
REPLY = "Please tell us where the seeds can be bought, since the shop in our town has had none for two years by now."
NOTICE = (
    "<p>"
    + "Bicycles must not stand in the entrance, and whoever has lost a key can ask for it at the desk. " * 3
    + "</p>"
)


@pytest.mark.parametrize(
    "block",
    [
        "<div><div><span>{}</span></div></div>",
        "<dl><dt>Term</dt><dd>{}</dd></dl>",
        "<ul><li>{}</li></ul>",
        "<table><tr><th>Row</th><td>{}</td></tr></table>",
        "<details><summary>Question?</summary>{}</details>",
        "<my-paragraph>{}</my-paragraph>",
        "{}<br><br>",
    ],
)
def test_text_outside_paragraphs_is_not_lost_to_a_notice(block: str):
    page = f"<body><h1>The garden</h1><div class=chapter>{block.format(PROSE) * 12}</div>{NOTICE}</body>"
    assert extract_text(page).count(PROSE) == 12


def test_the_posts_of_a_forum_are_its_text_and_signatures_are_not():
    post = f"<div class=post><p>Ann</p><div class=content>{REPLY}</div><div class=signature>Bean or be</div></div>"
    page = f"<html id=phpbb><body><nav>Board</nav><h1>Beans</h1>{post * 8}<form>Search</form></body></html>"
    text = extract_text(page)
    assert text.count(REPLY) == 8 and "Bean or be" not in text


def test_the_cards_of_a_shop_stay_and_its_filters_go():
    card = "<li class=card><a href=/b><h3>Runner beans</h3></a><p>Red flowers, 80 seeds</p><span>$4.00</span></li>"
    filters = "<div class=filters><ul><li>Colour<li>Height<li>Price below 10</ul></div>"
    page = f"<body><header><nav>Home</nav></header><main><h1>Beans</h1>{filters}<ul>{card * 20}</ul></main></body>"
    text = extract_text(page)
    assert text.count("Red flowers, 80 seeds") == text.count("Runner beans") == 20 and "Height" not in text


def test_the_sections_of_a_service_s_page_stay():
    section = f"<section class='slide'><h2>What we do</h2><div>{PROSE}</div><p>{REPLY}</p></section>"
    text = extract_text(f"<body><nav>Home</nav><main>{section * 6}</main><footer>Imprint</footer></body>")
    assert text.count(PROSE) == text.count(REPLY) == 6


@pytest.mark.parametrize("heading", ["Response", "Related work", "See also", "Comments", "Newsletter"])
def test_a_heading_does_not_end_a_text_that_goes_on(heading: str):
    page = f"<article>{f'<p>{PROSE}</p>' * 12}<h2>{heading}</h2>{f'<p>{REPLY}</p>' * 4}<p>In the end.</p></article>"
    assert "In the end." in extract_text(page)
