"""How values stand in a store that keeps JSON text; a module of its own, for the codec takes long to load."""

from __future__ import annotations

from typing import Tuple, Type, TypeVar

from polaris_dsl.codec import Codec, RoundTrip

T = TypeVar("T")


class Encoded:
    """Values as JSON text; equal is the same text."""

    def __init__(self, codec: Codec, /) -> None:
        self._codec = codec
        self._round_trip = RoundTrip(codec)

    def freeze(self, value: T, /) -> Tuple[object, T]:
        return self._round_trip(value)

    def thaw(self, data: Type[T], body: object, /) -> T:
        return self._codec.decode(str(body), data)

    def same(self, old: object, new: object, /) -> bool:
        return old == new
