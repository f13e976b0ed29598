"""Simulated towns: pages of the sample crawl with a known state, and evaluation items made by the same grammar."""

from lab.crawl.town.draft import Block, TownPage
from lab.crawl.town.facts import Fact, State, Told
from lab.crawl.town.items import EntityItem, MinimalPair, agreement_items, entity_items
from lab.crawl.town.pages import town_pages
from lab.crawl.town.world import World, town_name

__all__ = [
    "Block",
    "EntityItem",
    "Fact",
    "MinimalPair",
    "State",
    "Told",
    "TownPage",
    "World",
    "agreement_items",
    "entity_items",
    "town_name",
    "town_pages",
]
