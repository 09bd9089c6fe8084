"""How the values of a class are written as JSON values and read back, field by field or through its own library."""

from __future__ import annotations

import inspect
import json
import sys
from functools import partial
from types import MethodType
from typing import Any, Callable, Dict, Generic, List, Mapping, Sequence, Tuple

import attrs
from cattrs import BaseConverter
from cattrs.gen import make_dict_structure_fn_from_attrs, make_dict_unstructure_fn_from_attrs
from typing_extensions import get_type_hints

from polaris_dsl._codec_scalars import Form, Hook, Refused, dump, exactly, name_of, unlike
from polaris_dsl._codec_straight import straight_class

At = Callable[[str, object], Form]
"""Makes the form of what stands at a place inside of the class."""


def form_converter() -> BaseConverter:
    """Return a cattrs converter to which a form is a type: its hooks are those of the form."""
    converter = BaseConverter(detailed_validation=False)
    converter.register_unstructure_hook_factory(_is_form, lambda form: form.write)
    converter.register_structure_hook_factory(_is_form, lambda form: form.read)
    return converter


def _is_form(kind: object) -> bool:
    return isinstance(kind, Form)


def class_form(cls: type, /, *, at: At, converter: BaseConverter) -> Form:
    """Return the form of a class that is neither a scalar nor an Enum."""
    # whoever has such a class has imported its library, which is no dependency of ours
    if issubclass(cls, getattr(sys.modules.get("pydantic"), "BaseModel", ())):
        return _pydantic(cls)
    if issubclass(cls, getattr(sys.modules.get("msgspec"), "Struct", ())):
        return _msgspec(cls)
    fields = _fields(cls)
    forms = {field.name: at(f".{field.name}", field.kind) for field in fields}
    write, read = _generated(cls, fields, forms, converter)
    straight = straight_class(cls, {(field.name, field.parameter): forms[field.name] for field in fields})
    return Form(_writer(cls, fields, write), _reader(cls, fields, read), cls, straight=straight)


# --- classes whose fields are ours to write: attrs, dataclass, NamedTuple, plain -------------------------------------


@attrs.frozen
class _Field:
    """A parameter of a class's `__init__`, and the attribute that keeps it."""

    name: str
    parameter: str
    kind: object
    required: bool


def _writer(cls: type, fields: Sequence[_Field], unstructure: Hook) -> Hook:
    def write(value: object) -> object:
        exactly(cls, value)
        try:
            return unstructure(value)
        except (Refused, RecursionError):
            raise
        except Exception:  # noqa: BLE001  an attribute may be the user's property: what it raises may quote a value
            unread = next((field.name for field in fields if not _can_be_read(value, field.name)), "")
        raise Refused("has no value that could be read under this name").under(f".{unread}")

    return write


def _can_be_read(value: object, name: str) -> bool:
    try:
        getattr(value, name)
    except Exception:  # noqa: BLE001  as above
        return False
    return True


def _reader(cls: type, fields: Sequence[_Field], structure: Callable[[Any, type], Any]) -> Hook:
    names = frozenset(field.name for field in fields)
    required = frozenset(field.name for field in fields if field.required)

    def look_at_keys(value: Dict[str, object]) -> None:
        missing = sorted(required - value.keys())
        if missing:
            raise Refused("is missing").under(f".{missing[0]}")
        extra = len(value.keys() - names)  # keys are values too, where there is no field for them
        if extra:
            raise Refused(f"has {extra} key{'s' if extra > 1 else ''} that no field of {name_of(cls)} goes by")

    def read(value: object) -> object:
        if type(value) is not dict:
            raise unlike(name_of(cls), value)
        if value.keys() != names:
            look_at_keys(value)
        return _made(cls, lambda: structure(value, cls))

    return read


def _made(cls: type, make: Callable[[], object]) -> object:
    """Let the user's class make a value of itself."""
    try:
        made = make()
    except (Refused, RecursionError):
        raise
    except Exception:  # noqa: BLE001  what the class raises may quote a value
        made = None
    if type(made) is not cls:
        raise Refused(f"was refused by {name_of(cls)} itself: by its __init__, or by a validator")
    return made


def _generated(
    cls: type, fields: Sequence[_Field], forms: Mapping[str, Form], converter: BaseConverter
) -> Tuple[Hook, Callable[[Any, type], Any]]:
    """Let cattrs generate the two functions of a class, out of our strict forms for its fields.

    cattrs is not shown the class: it would take what it finds there by rules of its own, which are lenient. It is shown
    the fields as we have read them, each with its form for a type.
    """
    seen: Dict[str, Any] = {field.name: _shown(field, forms[field.name]) for field in fields}
    shown = list(attrs.fields(attrs.make_class("Shown", seen, init=False, repr=False, eq=False, order=False)))
    make: Any = partial(cls)
    # cattrs puts these into the code, where not every name can stand; a partial has none of its own on Python 3.8
    make.__name__, make.__qualname__, make.__module__ = "shown", "shown", __name__
    return (
        make_dict_unstructure_fn_from_attrs(shown, make, converter, {}, _cattrs_use_linecache=False),
        make_dict_structure_fn_from_attrs(shown, make, converter, {}, _cattrs_use_linecache=False),
    )


def _shown(field: _Field, form: Form) -> object:
    kind: Any = _placed(form, f".{field.name}")
    default = attrs.NOTHING if field.required else None
    return attrs.field(type=kind, alias=field.parameter, default=default, kw_only=True)


def _placed(form: Form, place: str) -> Form:
    def placed(hook: Hook) -> Hook:
        def through(value: object, _: object = None) -> object:  # cattrs hands the type to what reads
            try:
                return hook(value)
            except Refused as refused:
                raise refused.under(place) from None

        return through

    return attrs.evolve(form, write=placed(form.write), read=placed(form.read))


_INSTEAD = "hold a str, a number or a class with typed fields instead"


def _fields(cls: Any) -> List[_Field]:  # noqa: ANN401  as in _parameters
    plain = not (attrs.has(cls) or hasattr(cls, "__dataclass_fields__") or _is_named_tuple(cls))
    if not _is_named_tuple(cls) and cls.__new__ not in (object.__new__, Generic.__new__):
        raise Refused(f"{name_of(cls)} has a __new__ of its own, so it cannot be made anew from fields: {_INSTEAD}")
    attributes = {field.alias: field for field in attrs.fields(cls)} if attrs.has(cls) else {}
    hints = _hints(cls.__init__ if plain else cls, cls)
    fields = []
    for parameter in _parameters(cls):
        attribute = attributes.get(parameter.name)
        name = attribute.name if attribute else parameter.name
        kind = hints.get(name, attribute.type if attribute else None)
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise Refused("can only be given by position: let __init__ take it by name").under(f".{name}")
        if kind is None:
            raise Refused("has no type: annotate it, in __init__ if the class is a plain one").under(f".{name}")
        fields.append(_Field(name, parameter.name, kind, parameter.default is parameter.empty))
    return fields


def _is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and hasattr(cls, "_fields")


def _parameters(cls: Any) -> List[inspect.Parameter]:  # noqa: ANN401  mypy takes `.__init__` of a type for unsound
    # on Python 3.8 a Generic, and so whoever implements a Protocol, has a __new__ that hides the __init__
    hidden = cls.__new__ is Generic.__new__ is not object.__new__
    try:
        signature = inspect.signature(MethodType(cls.__init__, cls) if hidden else cls)
    except (TypeError, ValueError):
        raise Refused(
            f"{name_of(cls)} does not say what it is made of: write an __init__ with typed parameters"
        ) from None
    return list(signature.parameters.values())


def _hints(holder: object, cls: type) -> Dict[str, Any]:
    """Return the resolved annotations; a class that was made inside of a function finds at least itself."""
    why = ""
    for names in (None, {cls.__name__: cls}):
        try:
            return get_type_hints(holder, localns=names)
        except NameError as error:
            why = f"{error}: import it at the top of the module (not under TYPE_CHECKING), and define it there"
        except Exception:  # noqa: BLE001  an annotation may hold any expression
            why = "on this Python, write Optional[...] and Union[...] for A | B, and List[...] for list[...]"
    raise Refused(f"an annotation of {name_of(cls)} cannot be read: {why}")


# --- classes that write themselves: pydantic, msgspec ----------------------------------------------------------------


def _pydantic(cls: Any) -> Form:  # noqa: ANN401  pydantic is not imported, so its class has no name here
    if not cls.__pydantic_complete__ and not cls.model_rebuild(raise_errors=False):
        raise Refused(
            f"an annotation of {name_of(cls)} cannot be read by pydantic: call model_rebuild() where it can be"
        )
    return _through(
        cls,
        lambda value: value.model_dump_json(by_alias=True, round_trip=True, warnings=False),
        lambda text: cls.model_validate_json(text, strict=True),
    )


def _msgspec(cls: type) -> Form:
    library = sys.modules["msgspec"].json
    try:
        library.schema(cls)  # refuses what could only be written by a hook
        decoder = library.Decoder(cls)
    except Exception:  # noqa: BLE001  TypeError, NameError, what an annotation raises
        raise Refused(
            f"msgspec cannot read {name_of(cls)}: an annotation is unsupported or cannot be resolved"
        ) from None
    return _through(cls, library.encode, decoder.decode)


def _through(cls: type, to_json: Callable[[Any], Any], from_json: Callable[[str], object]) -> Form:
    def write(value: object) -> object:
        exactly(cls, value)
        try:
            return _settled(json.loads(to_json(value), parse_constant=_refuse_constant), value)
        except Exception:  # noqa: BLE001  what the library raises may quote a value
            raise Refused(f"{name_of(cls)} could not be written as JSON by its own library") from None

    def read(value: object) -> object:
        return _made(cls, lambda: from_json(dump(value)))

    return Form(write, read, cls)


def _refuse_constant(_: str) -> object:
    raise ValueError


def _settled(tree: Any, value: Any) -> object:  # noqa: ANN401  JSON, and what it was written from
    """Put in order what came from sets: their own order changes from one process to the next."""
    if getattr(type(value), "__pydantic_root_model__", False):
        return _settled(tree, value.root)
    if type(tree) is dict:
        parts = _parts(tree, value)
        return {key: _settled(item, parts.get(key)) for key, item in tree.items()}
    if isinstance(value, (list, tuple, set, frozenset)) and type(tree) is list and len(tree) == len(value):
        items = [_settled(item, part) for item, part in zip(tree, value)]
        return sorted(items, key=dump) if isinstance(value, (set, frozenset)) else items
    return tree


def _parts(tree: Dict[str, object], value: Any) -> Mapping[str, object]:  # noqa: ANN401  any value
    """Return the parts of a value by the keys they were written under."""
    cls: Any = type(value)
    if isinstance(value, dict):
        return dict(zip(tree, value.values()))
    if hasattr(cls, "__struct_encode_fields__"):
        names = zip(cls.__struct_encode_fields__, cls.__struct_fields__)
        return {key: getattr(value, name) for key, name in names}
    if hasattr(cls, "model_fields"):
        return {field.serialization_alias or name: getattr(value, name) for name, field in cls.model_fields.items()}
    fields = [field.name for field in attrs.fields(cls)] if attrs.has(cls) else getattr(cls, "__dataclass_fields__", ())
    return {name: getattr(value, name) for name in fields}
