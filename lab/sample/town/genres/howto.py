"""How things are done: recipes, gardens, animals, crafts, lessons. Each function writes its page on a draft."""

from lab.sample.town.draft import Draft
from lab.sample.town.happenings import recall

CLASS = 3  # children who are named


def recipe(draft: Draft) -> None:
    """A dish: what is needed, what to do, and advice."""
    random, records = draft.random, draft.grammar.records
    draft.people(2, draft.world.grown())
    dish = draft.one(random.choice(records["dish"]))
    draft.bind(dish=dish)
    draft.entitle("recipe_title")
    draft.paragraph(draft.lines("recipe_intro", 1, 2), draft.asides(1, 3))
    draft.heading("What you need")
    for _ in range(random.randint(4, 6)):
        draft.item(draft.say("recipe_amounts"))
    draft.heading("How it is done")
    for rule in _steps(draft, f"step_{dish.kind}"):
        draft.step(rule)
    draft.paragraph(draft.lines("recipe_tip", 3, 5), draft.asides(1, 3))
    draft.paragraph(
        draft.lines("about_food", 1, 3), draft.some("proverb", "weather_now", "idea", low=0, high=2), recall(draft, 1)
    )


def _steps(draft: Draft, rule: str) -> list[str]:
    """The steps of a rule in order, up to two of them left out: no two recipes are the same."""
    steps = draft.grammar.in_order(rule, draft.speaker)
    omitted = set(draft.random.sample(range(len(steps)), draft.random.randint(0, 2)))
    return [step for at, step in enumerate(steps) if at not in omitted]


def garden(draft: Draft) -> None:
    """A month in the garden, and how one thing is grown."""
    draft.people(3, draft.world.grown())
    draft.bind(crop=draft.random.choice(draft.grammar.records["crop"]))
    draft.entitle("garden_title")
    draft.paragraph(draft.say("garden_intro"), draft.say("weather_now"), draft.lines("about_plant", 2, 4))
    draft.paragraph(draft.lines("garden_how", 4, 6), draft.asides(1, 2))
    draft.paragraph(draft.lines("garden_other", 3, 5), draft.lines("about_plant", 3, 5))
    draft.paragraph(draft.some("proverb", "idea", "forecast_next", low=1, high=2), recall(draft, 1))


def care(draft: Draft) -> None:
    """How a kind of animal is kept."""
    random = draft.random
    draft.people(3, draft.world.grown())
    draft.bind(pet=random.choice(draft.grammar.records["pet"]))
    draft.entitle("care_title")
    draft.paragraph(draft.say("care_intro"), draft.lines("care_home", 1, 2), draft.asides(1, 3))
    draft.paragraph(draft.lines("care_food", 1, 2), draft.lines("care_need", 1, 2), draft.lines("about_animal", 1, 2))
    draft.paragraph(draft.lines("care_habit", 3, 5), draft.lines("care_danger", 1, 2))
    draft.paragraph(draft.lines("care_story", 1, 3), draft.lines("about_animal", 2, 4), draft.asides(1, 3))


def craft(draft: Draft) -> None:
    """Repairing or making something with one tool and one material."""
    random, words = draft.random, draft.grammar.words
    draft.people(3, draft.world.grown())
    tool, other = random.sample(words["craft_tool"], 2)
    thing, material = random.choice(words["thing"]), random.choice(words["material"])
    draft.bind(thing=thing, tool=tool, second_tool=other, material=material)
    draft.entitle("craft_title")
    draft.paragraph(draft.say("craft_intro"), draft.asides(2, 4))
    steps = draft.grammar.in_order("craft_step", draft.speaker)
    for at in sorted(random.sample(range(len(steps)), random.randint(5, 8))):
        draft.step(steps[at])
    draft.paragraph(draft.lines("craft_note", 3, 5), draft.lines("about_thing", 2, 4))
    draft.paragraph(
        draft.lines("about_worker", 2, 4), draft.some("proverb", "idea", "weather_now", low=1, high=3), recall(draft, 1)
    )


def lesson(draft: Draft) -> None:
    """One lesson: a question, the answers, what the class thought."""
    random, world = draft.random, draft.world
    pupils = [one for one in world.children() if one.name not in world.away]
    pupils += [one for one in world.grown() if one not in pupils][: max(0, CLASS - len(pupils))]
    draft.people(CLASS, pupils)
    draft.bind(lesson=random.choice(draft.grammar.records["lesson"]))
    draft.entitle("lesson_title")
    draft.paragraph(draft.say("lesson_intro"), draft.asides(1, 3))
    draft.paragraph(draft.lines("lesson_fact", 2, 4), draft.lines("lesson_compare", 1, 3))
    draft.paragraph(draft.lines("lesson_class", 2, 4), draft.asides(2, 4))
    draft.paragraph(draft.lines("lesson_fact", 1, 2), draft.lines("lesson_compare", 0, 2), recall(draft, 1))
    draft.paragraph(
        draft.asides(1, 3), draft.some("proverb", "idea", "weather_now", low=0, high=2), draft.say("lesson_end")
    )
