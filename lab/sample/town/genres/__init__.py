"""The genres of a town's pages: how frequent each is, and the function that writes a page of it."""

from collections.abc import Callable

from lab.sample.town.draft import Draft
from lab.sample.town.genres import howto, letters, newspaper, questions, stories

GENRES: dict[str, tuple[int, Callable[[Draft], None]]] = {  # of a hundred pages, and the function that writes one
    "story": (30, stories.story),
    "tale": (6, stories.tale),
    "news": (9, newspaper.news),
    "notice": (3, newspaper.notice),
    "minutes": (4, newspaper.minutes),
    "forecast": (3, newspaper.forecast),
    "letter": (7, letters.letter),
    "diary": (8, letters.diary),
    "recipe": (3, howto.recipe),
    "garden": (2, howto.garden),
    "care": (2, howto.care),
    "craft": (2, howto.craft),
    "travel": (3, letters.travel),
    "review": (3, newspaper.review),
    "interview": (3, newspaper.interview),
    "profile": (2, newspaper.profile),
    "sport": (2, newspaper.sport),
    "lesson": (2, howto.lesson),
    "questions": (6, questions.questions),
}
