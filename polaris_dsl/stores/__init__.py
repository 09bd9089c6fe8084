"""Where runs are saved."""

from polaris_dsl import _lazy

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

__getattr__, __dir__ = _lazy.exports(
    __name__,
    names={
        "_file": ["FileStore"],
        "_lines": ["Built", "Failed", "Fed", "Line", "Put", "Rested", "Started"],
        "_memory": ["MemoryStore"],
        "_protocol": ["Inspectable", "Verified"],
        "_repair": ["Repaired"],
        "_store": ["Journals", "Store"],
    },
)
