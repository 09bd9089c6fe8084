from polaris_dsl import clock as clock
from polaris_dsl import codec as codec
from polaris_dsl import diagnostics as diagnostics
from polaris_dsl import errors as errors
from polaris_dsl import hooks as hooks
from polaris_dsl import retry as retry
from polaris_dsl import stores as stores
from polaris_dsl._builder import Access, Builder, Context, builder
from polaris_dsl._executor import Executor
from polaris_dsl._run import Run, Status
from polaris_dsl._summaries import RunSummary
from polaris_dsl._watch import Late
from polaris_dsl._workflow import Workflow, workflow
from polaris_dsl.clock import Clock
from polaris_dsl.errors import (
    BadRunId,
    BuilderError,
    CodecError,
    CommitUnknown,
    CorruptJournal,
    DefinitionError,
    HookFailed,
    IncompleteRun,
    Interrupted,
    NotInterrupted,
    NotSettled,
    NotWritten,
    PolarisError,
    RetryAt,
    RunError,
    RunLocked,
    StoreError,
    TimedOut,
    UnexpectedData,
    UnknownRun,
    UnsafeStore,
    WorkflowError,
    WrongProduct,
    WrongWorkflow,
)
from polaris_dsl.hooks import Hook
from polaris_dsl.retry import RETRY, Retry
from polaris_dsl.stores import FileStore, MemoryStore

__all__ = [
    "RETRY",
    "Access",
    "BadRunId",
    "Builder",
    "BuilderError",
    "Clock",
    "CodecError",
    "CommitUnknown",
    "Context",
    "CorruptJournal",
    "DefinitionError",
    "Executor",
    "FileStore",
    "Hook",
    "HookFailed",
    "IncompleteRun",
    "Interrupted",
    "Late",
    "MemoryStore",
    "NotInterrupted",
    "NotSettled",
    "NotWritten",
    "PolarisError",
    "Retry",
    "RetryAt",
    "Run",
    "RunError",
    "RunLocked",
    "RunSummary",
    "Status",
    "StoreError",
    "TimedOut",
    "UnexpectedData",
    "UnknownRun",
    "UnsafeStore",
    "Workflow",
    "WorkflowError",
    "WrongProduct",
    "WrongWorkflow",
    "builder",
    "workflow",
]
