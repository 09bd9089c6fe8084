"""Where runs are saved."""

from polaris_dsl.stores._lines import Built, Failed, Fed, Line, Put, Rested, Started
from polaris_dsl.stores._memory import MemoryStore
from polaris_dsl.stores._protocol import Journals, Store

__all__ = ["Built", "Failed", "Fed", "Journals", "Line", "MemoryStore", "Put", "Rested", "Started", "Store"]
