"""Simulated towns: pages of the sample crawl with a known state, and evaluation items made by the same grammar."""

from lab.sample.town.draft import PageBlock, TownPage
from lab.sample.town.facts import Fact, Statement, WorldState
from lab.sample.town.items import EntityItem, MinimalPair, agreement_items, entity_items
from lab.sample.town.pages import town_pages
from lab.sample.town.world import World, town_name

__all__ = [
    "EntityItem",
    "Fact",
    "MinimalPair",
    "PageBlock",
    "Statement",
    "TownPage",
    "World",
    "WorldState",
    "agreement_items",
    "entity_items",
    "town_name",
    "town_pages",
]
