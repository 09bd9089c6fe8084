"""A gateway: a home page put together from eight slow sources, as many at once as their data allows."""

from __future__ import annotations

import functools
import time
from typing import Callable, Dict, List, NamedTuple, Tuple, Type, TypeVar

from typing_extensions import ParamSpec

from polaris_dsl import Executor, builder, workflow

P = ParamSpec("P")
R = TypeVar("R")


class Call(NamedTuple):
    """What the clock saw of one builder."""

    name: str
    took: Tuple[Type[object], ...]
    began_s: float
    ended_s: float

    @property
    def ms(self) -> int:
        return round(1000 * (self.ended_s - self.began_s))


calls: Dict[Type[object], Call] = {}  # by what they made; threads write to different keys


def slow(ms: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a source as slow as a remote call, and note its times. It keeps the signature: @builder reads through it."""

    def decorate(source: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(source)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            began_s = time.perf_counter()
            time.sleep(ms / 1000)
            made = source(*args, **kwargs)
            took = tuple(type(value) for value in (*args, *kwargs.values()))
            calls[type(made)] = Call(source.__name__, took, began_s, time.perf_counter())
            return made

        return call

    return decorate


class User(NamedTuple):
    id: int


class Profile(NamedTuple):
    name: str
    city: str


class Cart(NamedTuple):
    items: int


class Banner(NamedTuple):
    text: str


class Inbox(NamedTuple):
    unread: int


class Orders(NamedTuple):
    open: int


class Weather(NamedTuple):
    text: str


class Offers(NamedTuple):
    titles: Tuple[str, ...]


class Picks(NamedTuple):
    titles: Tuple[str, ...]


class HomePage(NamedTuple):
    lines: Tuple[str, ...]


@builder
@slow(ms=100)
def load_profile(user: User) -> Profile:
    return Profile(name=f"user {user.id}", city="Porto")


@builder
@slow(ms=70)
def load_cart(user: User) -> Cart:
    return Cart(items=3)


@builder
@slow(ms=150)
def choose_banner() -> Banner:
    return Banner("Autumn sale")


@builder
@slow(ms=120)
def count_inbox(user: User) -> Inbox:
    return Inbox(unread=2)


@builder
@slow(ms=90)
def find_orders(profile: Profile) -> Orders:
    return Orders(open=1)


@builder
@slow(ms=40)
def ask_weather(profile: Profile) -> Weather:
    return Weather(f"sunny in {profile.city}")


@builder
@slow(ms=60)
def find_offers(profile: Profile, cart: Cart) -> Offers:
    return Offers(titles=("free delivery",) if cart.items > 2 else ())  # noqa: PLR2004


@builder
@slow(ms=200)
def recommend(profile: Profile) -> Picks:
    return Picks(titles=("tea", "a kettle"))


@builder
@slow(ms=0)
def put_together(
    profile: Profile,
    cart: Cart,
    banner: Banner,
    inbox: Inbox,
    orders: Orders,
    weather: Weather,
    offers: Offers,
    picks: Picks,
) -> HomePage:
    return HomePage(
        lines=(
            f"{banner.text}. Good morning, {profile.name}: {weather.text}.",
            f"{inbox.unread} unread, {orders.open} order on its way, {cart.items} items in the cart.",
            f"You may like {' and '.join(picks.titles)}, with {' and '.join(offers.titles)}.",
        )
    )


home_page = workflow(
    target=HomePage,
    inputs=User,
    builders=[
        put_together,  # in any order
        recommend,
        find_offers,
        ask_weather,
        find_orders,
        count_inbox,
        choose_banner,
        load_cart,
        load_profile,
    ],
)


def critical_path(target: Type[object]) -> List[Call]:
    """Go back from the target, each time to the source that kept it waiting: the one that ended last."""
    path = [calls[target]]
    while True:
        before = [calls[data] for data in path[0].took if data in calls]
        if not before:
            return path
        path.insert(0, max(before, key=lambda call: call.ended_s))


def main() -> None:
    with Executor(home_page, max_workers=8) as gateway:
        began_s = time.perf_counter()
        page = gateway.run("home-7", User(7)).result()
        total_ms = round(1000 * (time.perf_counter() - began_s))

    print(*page.lines, sep="\n")
    print("\nsource             ms   when")
    for call in sorted(calls.values(), key=lambda call: call.began_s):
        start, width = (round(50 * seconds) for seconds in (call.began_s - began_s, call.ended_s - call.began_s))
        print(f"{call.name:16} {call.ms:4}   {' ' * start}{'=' * width}")
    print(f"\ncritical path: {' -> '.join(f'{call.name} ({call.ms} ms)' for call in critical_path(HomePage))}")
    print(f"all at once: {total_ms} ms; one after the other: {sum(call.ms for call in calls.values())} ms")


if __name__ == "__main__":
    main()
