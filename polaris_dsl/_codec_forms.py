"""How each type is written as JSON values and read back: strictly, and exactly in both directions."""

from __future__ import annotations

import inspect
from enum import Enum
from itertools import chain
from typing import Any, Callable, Dict, Final, Iterable, List, Mapping, Optional, Sequence, Tuple

from typing_extensions import Annotated, Literal, get_args, get_origin, is_protocol

from polaris_dsl._codec_classes import At, class_form, form_converter
from polaris_dsl._codec_scalars import SCALARS, Form, Hook, Refused, dump, enumeration, exactly, name_of, unlike
from polaris_dsl._codec_straight import straight_list, straight_optional
from polaris_dsl._compat import UNIONS

Arguments = Tuple[object, ...]


class Forms:
    """Makes the form of a data and of all that it is made of.

    Each data has forms of its own: where one is refused halfway, nothing is left for another to find. For one thread.
    """

    def __init__(self) -> None:
        self._classes: Dict[type, Optional[Form]] = {}
        self._converter = form_converter()

    def of(self, kind: object, /) -> Form:
        """Return the form of a type, or raise `Refused` if its values could never be taken."""
        kind = _unwrapped(kind)
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in UNIONS:
            return _union(self._at, kind)
        if origin in _MADE and kind is not Tuple:  # which looks like Tuple[()]
            return _MADE[origin](self._at, arguments)
        if isinstance(kind, type) and origin is None:
            return SCALARS.get(kind) or self._of_class(kind)
        raise _unknown(kind)

    def _of_class(self, cls: type) -> Form:
        if cls in self._classes:
            return self._classes[cls] or self._later(cls)
        self._classes[cls] = None
        self._classes[cls] = form = self._made(cls)
        return form

    def _made(self, cls: type) -> Form:
        if issubclass(cls, Enum):
            return enumeration(cls)
        if cls in _VAGUE or inspect.isabstract(cls) or is_protocol(cls):
            raise _unknown(cls)
        return class_form(cls, at=self._at, converter=self._converter)

    def _later(self, cls: type) -> Form:
        """Return a form that looks up the real one in use: it is just being made, for `cls` holds itself."""

        def later() -> Form:
            form = self._classes[cls]
            assert form is not None  # noqa: S101  it was made before any value was there
            return form

        return Form(lambda value: later().write(value), lambda value: later().read(value), cls)

    def _at(self, place: str, kind: object) -> Form:
        try:
            return self.of(kind)
        except Refused as refused:
            raise refused.under(place) from None


def _unwrapped(kind: Any) -> object:  # noqa: ANN401  what stands in an annotation has no type of its own
    """Return the type that a NewType, an alias, `Final[...]`, `Annotated[...]` or None stands for."""
    while not isinstance(kind, type):
        if get_origin(kind) in (Annotated, Final) and get_args(kind):
            kind = get_args(kind)[0]
        elif hasattr(kind, "__supertype__"):
            kind = kind.__supertype__
        elif hasattr(kind, "__value__"):
            kind = kind.__value__
        else:
            break
    return type(None) if kind is None else kind


_VAGUE = (Any, object, list, tuple, dict, set, frozenset)
_EXAMPLES = {
    "list": "List[int]",
    "set": "Set[int]",
    "frozenset": "FrozenSet[int]",
    "tuple": "Tuple[int, ...]",
    "dict": "Dict[str, int]",
}
_TAKEN = (
    "str, int, float, bool, bytes, Decimal, UUID, date, time, datetime, timedelta, an Enum, List, Tuple, Dict, Set,"
    " FrozenSet, Optional, Union, Literal, or a class whose fields are typed"
)


def _unknown(kind: object) -> Refused:
    name = name_of(kind)
    if kind in (Any, object):
        return Refused(f"{name} can be anything: write the type that is meant")
    if kind in _VAGUE or get_origin(kind) in _MADE:
        return Refused(f"{name} does not say what it holds: write it as in {_EXAMPLES[name.lower()]}")
    if isinstance(kind, type) and (inspect.isabstract(kind) or is_protocol(kind)):
        return Refused(f"{name} is abstract, and values come back as their exact class: name the class that is meant")
    return Refused(f"{name} cannot be written as JSON and read back: write {_TAKEN}")


# --- containers ------------------------------------------------------------------------------------------------------


def _each(hook: Hook, values: Iterable[object], where: str = "") -> List[Any]:
    done: List[object] = []
    try:
        for value in values:
            done.append(hook(value))  # noqa: PERF401  how far it came is where it was refused
    except Refused as refused:
        raise refused.under(f"{where}[{len(done)}]") from None
    return done


def _gathered(make: Callable[[Sequence[Any]], Any], items: Sequence[object]) -> Any:  # noqa: ANN401  what `make` makes
    try:
        made = make(items)
    except Exception:  # noqa: BLE001  hashes and comparisons may be the user's: what they raise may quote a value
        made = ()
    if len(made) != len(items):
        raise Refused("holds an element twice, or one that cannot be hashed")
    return made


def _hashed(at: At, place: str, kind: object) -> Form:
    form = at(place, kind)
    if form.cls is not None and form.cls.__hash__ is None:
        raise Refused(f"{name_of(form.cls)} has no hash: make it frozen").under(place)
    return form


def _list(at: At, arguments: Arguments) -> Form:
    if not arguments:
        raise _unknown(list)
    item = at("[]", arguments[0])
    return Form(
        lambda value: _each(item.write, exactly(list, value)),
        lambda value: _each(item.read, exactly(list, value)),
        list,
        straight=straight_list(item),
    )


def _set_of(cls: type) -> Callable[[At, Arguments], Form]:
    def make(at: At, arguments: Arguments) -> Form:
        if not arguments:
            raise _unknown(cls)
        item = _hashed(at, "[]", arguments[0])
        return Form(
            lambda value: sorted(_each(item.write, exactly(cls, value)), key=dump),
            lambda value: _gathered(cls, _each(item.read, exactly(list, value))),
            cls,
        )

    return make


def _tuple(at: At, arguments: Arguments) -> Form:
    if arguments[1:] == (...,):
        item = at("[]", arguments[0])
        return Form(
            lambda value: _each(item.write, exactly(tuple, value)),
            lambda value: tuple(_each(item.read, exactly(list, value))),
            tuple,
        )
    kinds = () if arguments == ((),) else arguments  # so Python 3.8 to 3.10 put it for Tuple[()]
    items = [at(f"[{index}]", kind) for index, kind in enumerate(kinds)]

    def through(hooks: Sequence[Hook], value: Sequence[object]) -> List[object]:
        if len(value) != len(hooks):
            raise Refused(f"expected {len(hooks)} elements, got {len(value)}")
        turn = iter(hooks)
        return _each(lambda part: next(turn)(part), value)  # noqa: PLW0108  another hook for each

    writes, reads = [item.write for item in items], [item.read for item in items]
    return Form(
        lambda value: through(writes, exactly(tuple, value)),
        lambda value: tuple(through(reads, exactly(list, value))),
        tuple,
    )


def _pair(value: object) -> Tuple[object, object]:
    try:
        first, second = exactly(list, value)
    except ValueError:
        raise Refused("expected a list of two") from None
    return first, second


def _dict(at: At, arguments: Arguments) -> Form:
    """Return the form of a dict, in its own order: an object where keys are strings in JSON, else a list of pairs."""
    if not arguments:
        raise _unknown(dict)
    of_keys, of_items = arguments
    key, item = _hashed(at, ".keys()[]", of_keys), at(".values()[]", of_items)

    def write(value: object) -> object:
        given = exactly(dict, value)
        pairs = zip(_each(key.write, given, ".keys()"), _each(item.write, given.values(), ".values()"))
        return dict(pairs) if key.text else [list(pair) for pair in pairs]

    def read(value: object) -> object:
        pairs = list(exactly(dict, value).items()) if key.text else _each(_pair, exactly(list, value))
        keys = _each(key.read, (pair[0] for pair in pairs), ".keys()")
        return _gathered(dict, list(zip(keys, _each(item.read, (pair[1] for pair in pairs), ".values()"))))

    return Form(write, read, dict)


# --- choices ---------------------------------------------------------------------------------------------------------


def _literal(at: At, arguments: Arguments) -> Form:
    written: Dict[Tuple[type, object], object] = {}
    for value in arguments:
        written[type(value), value] = at("", type(value)).write(value)
    values = {(type(coded), coded): value for (_, value), coded in written.items()}
    if len(values) != len(written):
        raise Refused("two of the values of its Literal look the same in JSON")
    classes = {cls for cls, _ in written}

    def write(value: object) -> object:
        if type(value) not in classes or (type(value), value) not in written:
            raise Refused("expected one of the values of its Literal")
        return written[type(value), value]

    def read(value: object) -> object:
        if type(value) in (list, dict) or (type(value), value) not in values:
            raise Refused("expected one of the values of its Literal")
        return values[type(value), value]

    cls = next(iter(classes)) if len(classes) == 1 else None
    return Form(write, read, cls, text=all(type(coded) is str for coded in written.values()))


def _members(kind: object) -> List[object]:
    kind = _unwrapped(kind)
    if get_origin(kind) in UNIONS:
        return list(chain.from_iterable(_members(member) for member in get_args(kind)))
    return [kind]


def _union(at: At, kind: object) -> Form:
    members = _members(kind)
    others = [member for member in members if member is not type(None)]
    form = at("", others[0]) if len(others) == 1 else _tagged([(member, at("", member)) for member in others])
    return form if len(others) == len(members) else _optional(form)


def _optional(form: Form) -> Form:
    return Form(
        lambda value: None if value is None else form.write(value),
        lambda value: None if value is None else form.read(value),
        straight=straight_optional(form),
    )


def _tagged(members: Sequence[Tuple[object, Form]]) -> Form:
    """Return the form of several classes, written as `[class name, value]`: only they are looked up by that name."""
    named = _by_name(members)
    classes = {form.cls: (name, form) for name, form in named.items()}
    if float in classes:  # an int is taken where a float is, unless the union says itself what becomes of it
        classes.setdefault(int, classes[float])
    told = " | ".join(named)

    def write(value: object) -> List[object]:
        if type(value) not in classes:
            raise unlike(told, value)
        name, form = classes[type(value)]
        return [name, form.write(value)]

    def read(value: object) -> object:
        name, written = _pair(value)
        if type(name) is not str or name not in named:
            raise Refused(f"expected the name of {told}")
        return named[name].read(written)

    return Form(write, read)


def _by_name(members: Sequence[Tuple[object, Form]]) -> Dict[str, Form]:
    named: Dict[str, Form] = {}
    for kind, form in members:
        if form.cls is None:
            raise Refused(f"{name_of(kind)} stands in a Union, and its values have no one class to tell them by")
        if form.cls.__name__ in named:
            raise Refused(f"two alternatives of its Union are called {form.cls.__name__}: they could not be told apart")
        named[form.cls.__name__] = form
    return named


_MADE: Mapping[object, Callable[[At, Arguments], Form]] = {
    list: _list,
    set: _set_of(set),
    frozenset: _set_of(frozenset),
    tuple: _tuple,
    dict: _dict,
    Literal: _literal,
}
