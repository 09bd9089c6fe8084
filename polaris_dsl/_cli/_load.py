"""Imports what is to be checked, and collects the verdict on every workflow that is made by it."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import sys
import sysconfig
import tokenize
import traceback
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Type, TypeVar

from typing_extensions import get_type_hints

from polaris_dsl._cli._find import CannotCheck, Wanted, Wish, files_in
from polaris_dsl._cli._report import Failure, Report, Unreached, Verdict, relative
from polaris_dsl._cli._unreached import unreached
from polaris_dsl._executor import Executor
from polaris_dsl._graph import Place
from polaris_dsl._workflow import WATCH, Workflow
from polaris_dsl.errors import PolarisError, WorkflowError

T = TypeVar("T")

_OURS = str(Path(__file__).parent.parent)
_INSTALLED = tuple(
    os.path.join(sysconfig.get_path(name), "")  # noqa: PTH118  with the separator at its end
    for name in ("stdlib", "platstdlib", "purelib", "platlib")
)


def load(wish: Wish, /) -> Report:
    """Import all that is wanted and report on it. What user code prints goes to stderr."""
    loader = _Loader()
    token = WATCH.set(loader.watch)
    try:
        with _search(wish.roots), _prints_aside():
            loader.load(wish.wanted)
    finally:
        WATCH.reset(token)
    return loader.report()


@contextlib.contextmanager
def named(wish: Wish, /) -> Iterator[object]:
    """Import the one thing that is wished for, and give it; what user code prints goes to stderr meanwhile.

    Raises:
        CannotCheck: it is not one thing, is not there, or cannot be imported.
        PolarisError: its import raised that.
    """
    wanted = wish.wanted[0]
    if len(wish.wanted) > 1 or not wanted.attribute:
        raise CannotCheck(f"{wanted} is a module: name one thing of it, as in module:name")
    with _search(wish.roots), _prints_aside():
        try:
            value: object = _imported(wanted)
            for name in wanted.attribute.split("."):
                value = _attribute(value, name)
        except PolarisError:
            raise
        except (Exception, SystemExit) as error:
            raise CannotCheck(f"{wanted} could not be imported: {_told(error)}") from error
        yield value


class _Loader:
    """Collects what is made while modules are imported."""

    def __init__(self) -> None:
        self.made: List[Verdict] = []
        self.chosen: List[Verdict] = []
        self.failures: Dict[Tuple[str, Tuple[Place, ...]], Failure] = {}
        self.modules: List[Tuple[Wanted, ModuleType]] = []

    def watch(self, made: Workflow[Any, Any], /) -> None:
        self.made.append(_verdict(made))

    def load(self, wanted: Sequence[Wanted]) -> None:
        whole = [one for one in wanted if not one.attribute]
        for one in whole:  # grows while it is walked
            with self._collecting(one):
                module = _imported(one)
                self.modules.append((one, module))
                whole += _inside(module) if one.whole else []
        self.chosen += self.made
        for one in wanted:
            if one.attribute:
                with self._collecting(one):
                    self.chosen += self._of_attribute(_imported(one), one.attribute)

    @contextlib.contextmanager
    def _collecting(self, wanted: Wanted) -> Iterator[None]:
        try:
            yield
        except CannotCheck as error:
            failure = Failure(str(wanted), str(error))
        except (Exception, SystemExit) as error:  # noqa: BLE001  user code may raise anything
            if self._was_told(error):
                self.chosen += self.made
                return
            failure = Failure(str(wanted), _told(error), _frames(error))
        else:
            return
        self.failures.setdefault((failure.why, failure.frames), failure)

    def _was_told(self, error: BaseException) -> bool:
        """Say whether this only is a wrong workflow that was used, whose problems are known."""
        told = {found for verdict in self.made for found in verdict.found}
        return isinstance(error, WorkflowError) and told.issuperset(error.diagnostics)

    def _of_attribute(self, module: ModuleType, path: str) -> List[Verdict]:
        value: object = module
        for name in path.split("."):
            value = _attribute(value, name)
        if isinstance(value, Executor):
            value = value.workflow
        if isinstance(value, Workflow):
            return [_verdict(value)]
        if isinstance(value, type) or not callable(value):
            kind = "a class" if isinstance(value, type) else f"a value of type {type(value).__name__}"
            raise CannotCheck(f"it is {kind}, not a workflow, an executor or a function that makes them")
        before = len(self.made)
        arguments, named = _stand_ins(value)
        value(*arguments, **named)
        if len(self.made) == before:
            raise CannotCheck("it was called and made no workflow")
        return self.made[before:]

    def report(self) -> Report:
        failures = list(self.failures.values())
        verdicts = tuple(dict.fromkeys(self.chosen))
        missed = tuple(dict.fromkeys(one for pair in self.modules for one in self._unreached(*pair)))
        if not verdicts and not failures:
            others = " and what else was named" if len(self.modules) > 1 else ""
            failures.append(Failure(f"{self.modules[0][0]}{others}", "importing it makes no workflow"))
        return Report(verdicts, tuple(failures), missed)

    def _unreached(self, wanted: Wanted, module: ModuleType) -> Iterator[Unreached]:
        file = str(getattr(module, "__file__", None))
        if file.endswith(".py"):
            with tokenize.open(file) as source:
                reached = {verdict.place.line for verdict in self.made if verdict.place.file == file}
                holder = relative(file, to=Path.cwd()) if wanted.file else module.__name__
                yield from unreached(source.read(), holder=holder, file=file, reached=reached)


def _verdict(made: Workflow[Any, Any]) -> Verdict:
    return Verdict(made.name, *made._verdict)  # noqa: SLF001  only for this command


# --- importing -------------------------------------------------------------------------------------------------------


def _imported(wanted: Wanted) -> ModuleType:
    if wanted.root is not None and str(wanted.root) not in sys.path:
        sys.path.insert(0, str(wanted.root))
    try:
        module = importlib.import_module(wanted.module)
    except ModuleNotFoundError as error:
        if error.name and f"{wanted.module}.".startswith(f"{error.name}."):
            looked = ", ".join(sys.path[:2])
            raise CannotCheck(f"there is no module {error.name} in {looked} or among what is installed") from None
        raise
    found = getattr(module, "__file__", None)
    if wanted.file is not None and (found is None or not wanted.file.samefile(found)):
        raise CannotCheck(
            f"{wanted.file} is not what Python imports as {wanted.module}, but {found or 'a part of Python'}: "
            "rename it, or put it into a package"
        )
    return module


def _inside(module: ModuleType) -> List[Wanted]:
    """Return the modules of a package."""
    found = []
    for entry in map(Path, getattr(module, "__path__", ())):
        for file in files_in(entry):
            inner = file.relative_to(entry)
            parts = inner.parent.parts if inner.name == "__init__.py" else inner.with_suffix("").parts
            found.append(Wanted(".".join([module.__name__, *parts])))
    return found


@contextlib.contextmanager
def _search(roots: Sequence[Path]) -> Iterator[None]:
    """Let Python look into these folders first, as `python -m` does."""
    before = list(sys.path)
    sys.path[:0] = [str(root) for root in roots]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


@contextlib.contextmanager
def _prints_aside() -> Iterator[None]:
    """Send to stderr what is printed, also by other processes that user code starts: stdout is for the report."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


# --- what a name stands for ------------------------------------------------------------------------------------------


def _attribute(holder: object, name: str) -> object:
    try:
        return getattr(holder, name)
    except AttributeError:
        near = get_close_matches(name, dir(holder), n=1)
        hint = f": was {near[0]} meant?" if near else ""
        raise CannotCheck(f"there is no {name} in {getattr(holder, '__name__', type(holder).__name__)}{hint}") from None


def _stand_ins(function: Callable[..., object]) -> Tuple[List[object], Dict[str, object]]:
    """Return arguments for a function that makes workflows: bare instances of the classes that it asks for.

    They are never initialized. That is enough to list their methods as builders, and nothing else is done with services
    where a workflow is only made.
    """
    hints = get_type_hints(function)
    positional: List[object] = []
    named: Dict[str, object] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            service = hints.get(parameter.name)
            if not isinstance(service, type):
                raise CannotCheck(f"its parameter {parameter.name} is not annotated with a class that could stand in")
            if parameter.kind is parameter.KEYWORD_ONLY:
                named[parameter.name] = _bare(service)
            else:
                positional.append(_bare(service))
    return positional, named


def _bare(service: Type[T]) -> T:
    return service.__new__(service)


# --- errors of user code ---------------------------------------------------------------------------------------------


def _told(error: BaseException) -> str:
    return ": ".join(filter(None, [type(error).__name__, str(traceback.TracebackException.from_exception(error))]))


def _frames(error: BaseException) -> Tuple[Place, ...]:
    """Return where an error came from, outermost first: the user's own files, or else the last that is not ours."""
    places = [place for place in _places(error.__traceback__) if not place.file.startswith((_OURS, "<frozen "))]
    if isinstance(error, SyntaxError) and error.filename:
        places.append(Place(error.filename, error.lineno or 0))
    own = [place for place in places if not place.file.startswith(_INSTALLED)]
    return tuple(own or places[-1:])


def _places(trace: Optional[TracebackType]) -> List[Place]:
    return [Place(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(trace)]
