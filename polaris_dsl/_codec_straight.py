"""Writes out as straight Python how the values of a class become JSON text and come back, where nothing is odd."""

from __future__ import annotations

import json
import keyword
import math
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from polaris_dsl._codec_scalars import SCALARS, WIDEST, Form, Hook, Odd, Straight, dump

Names = Tuple[str, str]
"""Of a field: the attribute that keeps it, and the parameter that it is given by."""

_quote: Callable[[str], str] = json.encoder.encode_basestring  # what an encoder calls for text, without the way to it


def straight_class(cls: type, forms: Mapping[Names, Form], /) -> Optional[Straight]:
    """Compile what the form of a class comes down to; None where its names cannot stand in code.

    Straight code says only what happens when nothing goes wrong. Whatever it raises, the value is then gone through by
    the form itself, which tells what is refused, and where: there is one set of rules and not two.
    """
    if not all(_can_be_written(name) for names in forms for name in names):
        return None
    return _Writer(cls, forms).compiled()


def straight_list(item: Form, /) -> Straight:
    """Return the straight way of a list of such items."""
    text, value = _text_of(item), _value_of(item)

    def texts(items: Any) -> str:  # noqa: ANN401  straight code takes anything
        if type(items) is not list:
            raise Odd
        return f"[{','.join([text(part) for part in items])}]"

    def values(items: Any) -> List[object]:  # noqa: ANN401  as above
        if type(items) is not list:
            raise Odd
        return [value(part) for part in items]

    return Straight(texts, values)


def straight_optional(form: Form, /) -> Straight:
    """Return the straight way of what may also be None."""
    text, value = _text_of(form), _value_of(form)
    return Straight(
        lambda part: "null" if part is None else text(part),
        lambda part: None if part is None else value(part),
    )


def _can_be_written(name: str) -> bool:
    # Python would take a name that is not ASCII for its normal form, which may be another
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name) and name != "__debug__"


def _text_of(form: Form) -> Hook:
    if form.straight is not None:
        return form.straight.text
    write = form.write
    if form.text:
        return lambda value: _quote(write(value))
    return lambda value: dump(write(value))


def _value_of(form: Form) -> Hook:
    return form.read if form.straight is None else form.straight.value


_CHECKS: Mapping[Optional[type], str] = {
    str: "type({0}) is not str or not ({0}.isascii() or {0}.encode())",  # which raises where it cannot be done
    int: "type({0}) is not int or not -widest < {0} < widest",
    float: "type({0}) is not float or not isfinite({0})",
    bool: "type({0}) is not bool",
}
"""By class: when a value is odd, as a condition."""

_TEXTS: Mapping[Optional[type], str] = {
    str: "{{quote({0})}}",
    int: "{{{0}}}",
    float: "{{{0}!r}}",
    bool: "{{'true' if {0} else 'false'}}",
}
"""By class: what is written, as a part of an f-string."""


def _is_plain(form: Form) -> bool:
    return form.cls in _CHECKS and form in SCALARS.values()


class _Writer:
    """Writes the code of one class."""

    def __init__(self, cls: type, forms: Mapping[Names, Form]) -> None:
        self._forms: Sequence[Tuple[Names, Form]] = list(forms.items())
        self._scope: Dict[str, Any] = {
            "__name__": __name__,
            "cls": cls,
            "Odd": Odd,
            "quote": _quote,
            "isfinite": math.isfinite,
            "widest": WIDEST,
        }

    def compiled(self) -> Straight:
        source = "\n".join([*self._text(), *self._value()])
        exec(compile(source, "<polaris codec>", "exec"), self._scope)  # noqa: S102  it holds nothing but fields' names
        return Straight(self._scope["text"], self._scope["value"])

    def _text(self) -> List[str]:
        lines = ["def text(given):", "    if type(given) is not cls: raise Odd"]
        parts = []
        for at, ((name, _), form) in enumerate(self._forms):
            local = f"v{at}"
            if _is_plain(form):
                lines += [f"    {local} = given.{name}", f"    if {_CHECKS[form.cls].format(local)}: raise Odd"]
                part = _TEXTS[form.cls].format(local)
            else:
                self._scope[f"text{at}"] = _text_of(form)
                lines.append(f"    {local} = text{at}(given.{name})")
                part = f"{{{local}}}"
            parts.append(f'"{name}":{part}')
        return [*lines, f"    return f'''{{{{{','.join(parts)}}}}}'''"]

    def _value(self) -> List[str]:
        lines = ["def value(given):", f"    if type(given) is not dict or len(given) != {len(self._forms)}: raise Odd"]
        for at, ((name, _), form) in enumerate(self._forms):
            local = f"v{at}"
            if _is_plain(form):
                lines += [f"    {local} = given['{name}']", f"    if {_CHECKS[form.cls].format(local)}: raise Odd"]
            else:
                self._scope[f"value{at}"] = _value_of(form)
                lines.append(f"    {local} = value{at}(given['{name}'])")
        given = ", ".join(f"{parameter}=v{at}" for at, ((_, parameter), _) in enumerate(self._forms))
        return [*lines, f"    made = cls({given})", "    if type(made) is not cls: raise Odd", "    return made"]
