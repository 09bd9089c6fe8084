"""How values stand in a store; here: as they are."""

from __future__ import annotations

from typing import Tuple, Type, TypeVar

import attrs
from typing_extensions import Protocol

from polaris_dsl._plan import Plan
from polaris_dsl.errors import CodecError

T = TypeVar("T")


class Bodies(Protocol):
    """Values to bodies and back."""

    def freeze(self, value: T, /) -> Tuple[object, T]:
        """Return the body of a value, and the value as every builder is going to see it."""

    def thaw(self, data: Type[T], body: object, /) -> T:
        """Return the value of a body."""

    def same(self, old: object, new: object, /) -> bool:
        """Say whether two bodies of one data are equal, so that the old version is kept."""


@attrs.frozen
class Live:
    """Values as they are; equal is `==`."""

    def freeze(self, value: T, /) -> Tuple[object, T]:
        return value, value

    def thaw(self, data: Type[T], body: object, /) -> T:
        if type(body) is data:
            return body
        found = f"{type(body).__module__}.{type(body).__qualname__}"
        raise CodecError(
            data.__name__,
            why=f"the store holds another class of that name ({found}); give each workflow a name of its own",
        )

    def same(self, old: object, new: object, /) -> bool:
        try:
            return old is new or bool(old == new)
        except Exception:  # noqa: BLE001  an == that cannot answer (arrays, say) finds nothing equal
            return False


LIVE = Live()


def bodies_for(plan: Plan, /, *, encoded: bool) -> Bodies:
    """Return how the values of a workflow stand in a store that keeps JSON, or live values.

    Raises:
        CodecError: a data cannot be turned into JSON.
    """
    if not encoded:
        return LIVE
    from polaris_dsl._encoded import Encoded  # noqa: PLC0415  only such a store needs the codec
    from polaris_dsl.codec import JsonCodec  # noqa: PLC0415  as above

    codec = JsonCodec()
    for slot, data in enumerate(plan.data):
        if slot not in plan.transient:
            codec.check(data)
    return Encoded(codec)
