"""Values to JSON text and back, strictly."""

from __future__ import annotations

from typing import Type, TypeVar

from typing_extensions import Protocol

T = TypeVar("T")


class Codec(Protocol):
    """Turns a data into one line of JSON text and back. Safe to share between threads."""

    def check(self, data: type, /) -> None:
        """Raise `CodecError` if values of this class could never be taken."""

    def encode(self, value: object, /) -> str:
        """Return the JSON text of a value: no newline, the same text for equal values."""

    def decode(self, text: str, data: Type[T], /) -> T:
        """Return the value of class `data` that the text stands for."""


class JsonCodec:
    """Placeholder until the real one lands."""

    def check(self, data: type, /) -> None:
        pass

    def encode(self, value: object, /) -> str:
        import json

        import cattrs

        return json.dumps(cattrs.unstructure(value), separators=(",", ":"))

    def decode(self, text: str, data: Type[T], /) -> T:
        import json

        import cattrs

        return cattrs.structure(json.loads(text), data)


def round_trip(codec, value, /):
    text = codec.encode(value)
    return text, codec.decode(text, type(value))
