"""Every error that the library raises, in three families: definition, run, store."""

from __future__ import annotations

from polaris_dsl.errors._definition import (
    DefinitionError,
    WorkflowError,
)
from polaris_dsl.errors._root import (
    PolarisError,
)
from polaris_dsl.errors._run import (
    BuilderError,
    HookFailed,
    IncompleteRun,
    Interrupted,
    NotInterrupted,
    NotSettled,
    RetryAt,
    RunError,
    RunSoFar,
    TimedOut,
    UnexpectedData,
    WrongProduct,
)
from polaris_dsl.errors._store import (
    BadRunId,
    CodecError,
    CommitUnknown,
    CorruptJournal,
    NotWritten,
    RunLocked,
    StoreError,
    UnknownRun,
    UnsafeStore,
    WrongWorkflow,
)

__all__ = [
    "BadRunId",
    "BuilderError",
    "CodecError",
    "CommitUnknown",
    "CorruptJournal",
    "DefinitionError",
    "HookFailed",
    "IncompleteRun",
    "Interrupted",
    "NotInterrupted",
    "NotSettled",
    "NotWritten",
    "PolarisError",
    "RetryAt",
    "RunError",
    "RunLocked",
    "RunSoFar",
    "StoreError",
    "TimedOut",
    "UnexpectedData",
    "UnknownRun",
    "UnsafeStore",
    "WorkflowError",
    "WrongProduct",
    "WrongWorkflow",
]
