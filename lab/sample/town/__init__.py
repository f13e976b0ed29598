"""Simulated towns: pages of the sample crawl with a known state, and evaluation items made by the same grammar."""

from lab.sample.town.draft import Block, TownPage
from lab.sample.town.facts import Fact, State, Told
from lab.sample.town.items import EntityItem, MinimalPair, agreement_items, entity_items
from lab.sample.town.pages import town_pages
from lab.sample.town.world import World, town_name

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
