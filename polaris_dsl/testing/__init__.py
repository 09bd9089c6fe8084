"""What tests are made of: stories to survive, cases that every store must pass, a clock to move on by hand."""

from polaris_dsl.testing._clock import VirtualClock
from polaris_dsl.testing._explore import Explored, explore
from polaris_dsl.testing._explore_told import Effect, StoryFailed
from polaris_dsl.testing._store_cases import StoreCase, store_cases

__all__ = ["Effect", "Explored", "StoreCase", "StoryFailed", "VirtualClock", "explore", "store_cases"]
