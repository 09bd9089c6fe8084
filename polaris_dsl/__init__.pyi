from polaris_dsl import codec as codec
from polaris_dsl import diagnostics as diagnostics
from polaris_dsl import errors as errors
from polaris_dsl import hooks as hooks
from polaris_dsl import stores as stores
from polaris_dsl._builder import Access, Builder, Context, builder
from polaris_dsl._executor import Executor, RunSummary
from polaris_dsl._run import Run, Status
from polaris_dsl._workflow import Workflow, workflow
from polaris_dsl.errors import (
    BadRunId,
    BuilderError,
    CodecError,
    CommitUnknown,
    CorruptJournal,
    DefinitionError,
    HookFailed,
    IncompleteRun,
    NotWritten,
    PolarisError,
    RunError,
    RunLocked,
    StoreError,
    UnexpectedData,
    UnknownRun,
    UnsafeStore,
    WorkflowError,
    WrongProduct,
    WrongWorkflow,
)
from polaris_dsl.hooks import Hook
from polaris_dsl.stores import FileStore, MemoryStore

__all__ = [
    "Access",
    "BadRunId",
    "Builder",
    "BuilderError",
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
    "MemoryStore",
    "NotWritten",
    "PolarisError",
    "Run",
    "RunError",
    "RunLocked",
    "RunSummary",
    "Status",
    "StoreError",
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
