"""What tests are made of: stories that a workflow must survive, and the cases that every store must pass."""

from polaris_dsl.testing._explore import Explored, explore
from polaris_dsl.testing._explore_told import Effect, StoryFailed
from polaris_dsl.testing._store_cases import StoreCase, store_cases

__all__ = ["Effect", "Explored", "StoreCase", "StoryFailed", "explore", "store_cases"]
