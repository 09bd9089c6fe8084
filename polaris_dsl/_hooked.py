"""Tells hooks of events, and keeps what they raise away from runs."""

from __future__ import annotations

import inspect
import logging
import traceback
from typing import Callable, Generic, Iterator, Optional, Sequence, Tuple, TypeVar

import attrs
from typing_extensions import final

from polaris_dsl._near import closest
from polaris_dsl.errors import DefinitionError, HookFailed
from polaris_dsl.hooks import (
    BuilderFailed,
    BuilderRetried,
    BuilderStarted,
    DataBuilt,
    Event,
    Hook,
    NothingBuilt,
    RunEnded,
    RunStarted,
)

EventT = TypeVar("EventT", bound=Event)

_LOGGER = logging.getLogger("polaris_dsl.hooks")
_KINDS = ("run_started", "builder_started", "built", "returned_nothing", "failed", "retried", "run_ended")


@final
@attrs.frozen
class Method(Generic[EventT]):
    """A method that a hook has written: bound, with what is to be said when it raises."""

    hook: str
    kind: str
    strict: bool
    take: Callable[[EventT], object]


@final
@attrs.frozen
class Hooked:
    """The methods that want to hear, by kind of event, in the order of the hooks.

    Holds nothing of any run: safe to share between threads. An event is worth making only if its tuple is not empty.
    """

    run_started: Tuple[Method[RunStarted], ...]
    builder_started: Tuple[Method[BuilderStarted], ...]
    built: Tuple[Method[DataBuilt], ...]
    returned_nothing: Tuple[Method[NothingBuilt], ...]
    failed: Tuple[Method[BuilderFailed], ...]
    retried: Tuple[Method[BuilderRetried], ...]
    run_ended: Tuple[Method[RunEnded], ...]

    def tell(self, methods: Tuple[Method[EventT], ...], event: EventT, /) -> Optional[HookFailed]:
        """Call every method; return the error that has to end the call, if a strict hook raised.

        Whatever one hook does, those after it are called. All other errors are logged.
        """
        ends: Optional[HookFailed] = None
        for method in methods:
            try:
                method.take(event)
            except Exception as error:  # noqa: BLE001  whatever a hook raises is kept away from the run
                if ends is None and method.strict:
                    ends = _failure(method, event, error)
                else:
                    _log(method, event, error)
        return ends


def hooked(hooks: Sequence[Hook], /) -> Optional[Hooked]:
    """Return what tells these hooks, or None if none of them has written a method.

    Raises:
        DefinitionError: something is not a hook.
    """
    given: object = hooks
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise DefinitionError(f"hooks= takes hooks in a list or tuple, such as [LogHook()], not {_told(hooks)}")
    wrong = [f"hooks[{number}] {why}" for number, hook in enumerate(hooks) for why in _wrong_with(hook)]
    if wrong:
        raise DefinitionError("\n".join(wrong))
    found = Hooked(
        run_started=_written(hooks, "run_started", lambda hook: hook.run_started),
        builder_started=_written(hooks, "builder_started", lambda hook: hook.builder_started),
        built=_written(hooks, "built", lambda hook: hook.built),
        returned_nothing=_written(hooks, "returned_nothing", lambda hook: hook.returned_nothing),
        failed=_written(hooks, "failed", lambda hook: hook.failed),
        retried=_written(hooks, "retried", lambda hook: hook.retried),
        run_ended=_written(hooks, "run_ended", lambda hook: hook.run_ended),
    )
    return found if any(getattr(found, kind) for kind in _KINDS) else None


def _written(
    hooks: Sequence[Hook], kind: str, take_of: Callable[[Hook], Callable[[EventT], object]]
) -> Tuple[Method[EventT], ...]:
    return tuple(
        Method(type(hook).__name__, kind, bool(getattr(hook, "strict", False)), take_of(hook))
        for hook in hooks
        if _is_written(hook, kind)
    )


def _is_written(hook: object, kind: str) -> bool:
    return getattr(getattr(hook, kind), "__func__", None) is not getattr(Hook, kind)


# --- what is wrong with a hook ---------------------------------------------------------------------------------------


def _wrong_with(hook: object) -> Iterator[str]:
    """Yield at most one sentence."""
    if isinstance(hook, type):
        yield f"is the class {hook.__name__} itself, and only an instance can be told anything: {hook.__name__}()"
        return
    lacking = [kind for kind in _KINDS if not callable(getattr(hook, kind, None))]
    if lacking:
        yield (
            f"is {_told(hook)}, which has no method {', '.join(lacking)}: "
            "let its class derive from polaris_dsl.Hook, and it has to write only the methods that it needs"
        )
        return
    for kind in _KINDS:
        method = getattr(hook, kind)
        if inspect.iscoroutinefunction(method):
            why = "is async, and hooks are called in threads where nothing awaits them: write a plain def"
        elif not _takes_one(method):
            why = f"cannot be called with one event: write def {kind}(self, event)"
        else:
            continue
        yield f"is {_told(hook)}, whose method {kind} {why}"
        return
    for name, kind in _misspelt(hook):
        yield (
            f"is {_told(hook)}, whose method {name} is never called: was {kind} meant? "
            "If it is one of its own, let its name be less like that, or begin with _"
        )
        return


def _misspelt(hook: object) -> Iterator[Tuple[str, str]]:
    """Yield public methods that are none of a hook's and take an event, with the one not written that was meant."""
    lacking = [kind for kind in _KINDS if not _is_written(hook, kind)]
    for cls in type(hook).__mro__:
        for name, method in vars(cls).items() if Hook in cls.__mro__ and cls is not Hook else ():
            if inspect.isfunction(method) and not name.startswith("_") and name not in _KINDS:
                kind = closest(name, lacking)
                if kind is not None and _takes_one(getattr(hook, name)):
                    yield name, kind


def _takes_one(method: Callable[..., object]) -> bool:
    try:
        signature = inspect.signature(method)
    except ValueError:  # some functions written in C do not say what they take
        return True
    try:
        signature.bind(None)
    except TypeError:
        return False
    return True


def _told(value: object) -> str:
    return (
        f"the class {value.__name__} itself" if isinstance(value, type) else f"a value of type {type(value).__name__}"
    )


# --- what a hook raises ----------------------------------------------------------------------------------------------


def _failure(method: Method[EventT], event: EventT, error: Exception) -> HookFailed:
    builder: Optional[str] = getattr(event, "builder", None)
    failed = HookFailed(hook=method.hook, event=method.kind, builder=builder, run_id=event.run_id)
    failed.__cause__ = error
    return failed


def _log(method: Method[EventT], event: EventT, error: Exception) -> None:
    """Log where it was raised, but not what it says, which may quote a payload: so no `exc_info`, which prints that."""
    builder: Optional[str] = getattr(event, "builder", None)
    of = "" if builder is None else f" of builder {builder}"
    place = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__))).rstrip()
    _LOGGER.error(
        *(
            "hook %s raised %s in %s%s, in run %r of %s, which goes on without it\n%s",
            method.hook,
            type(error).__name__,
        ),
        *(method.kind, of, event.run_id, event.workflow, place),
        extra={"polaris_run_id": event.run_id, "polaris_workflow": event.workflow, "polaris_hook": method.hook},
    )
