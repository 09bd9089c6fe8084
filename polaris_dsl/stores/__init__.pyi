from polaris_dsl.stores._file import FileStore
from polaris_dsl.stores._lines import Built, Failed, Fed, Line, Put, Rested, Started
from polaris_dsl.stores._memory import MemoryStore
from polaris_dsl.stores._protocol import Inspectable, Verified
from polaris_dsl.stores._repair import Repaired
from polaris_dsl.stores._store import Journals, Store

__all__ = [
    "Built",
    "Failed",
    "Fed",
    "FileStore",
    "Inspectable",
    "Journals",
    "Line",
    "MemoryStore",
    "Put",
    "Repaired",
    "Rested",
    "Started",
    "Store",
    "Verified",
]
