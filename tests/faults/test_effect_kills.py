"""SIGKILL at every call to the operating system of a run that must not charge twice, also while it is settled."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Callable, List, Optional, Sequence, Tuple

import attrs
import pytest

from polaris_dsl import RETRY, Executor, FileStore, Interrupted, PolarisError, Status
from polaris_dsl._making import Making
from polaris_dsl.stores._disk import Disk
from tests.effect_driver import RUN, Charged, Desk, Order, Receipt, flow_of
from tests.faults.campaign import Campaign, Problem, Verdict, control, some_of
from tests.faults.disks import Faults, KillAt, When, disk_with
from tests.faults.processes import Doomed

WHEN: Tuple[When, ...] = ("before", "in the middle of", "after")
BEGINNINGS = ["", "before the effect", "after the effect"]
"""At which moment of its charge a process has died before the story begins; nothing: it is the first."""


@attrs.frozen
class Shop:
    """A store and the effects beside it."""

    root: Path

    @property
    def effects(self) -> List[str]:
        """The keys of the charges that have happened."""
        file = self.root / "effects"
        return file.read_text().split() if file.exists() else []

    def executor(self, *, disk: Optional[Disk] = None, moment: str = "") -> Executor[Receipt, Order]:
        store = FileStore(self.root / "runs", durability="power" if disk else "process", _disk=disk)
        return Executor(flow_of(Desk(self.root / "effects", moment)), store=store)

    def begin(self, moment: str) -> None:
        """Let a process die at this moment of a charge."""
        self.root.mkdir()
        if moment:
            Doomed(lambda _: self.executor(moment=moment).run(RUN, Order(500))).bury()

    def tell(self, *, disk: Optional[Disk] = None) -> Status:
        """Run the order; where it was interrupted, look at what has happened, say so, and run it once more."""
        runs = self.executor(disk=disk)
        try:
            return runs.run(RUN, Order(500)).status
        except Interrupted as error:
            key = error.idempotency_key
            runs.settle(RUN, "charge", Charged(500, key) if key in self.effects else RETRY)
            return runs.run(RUN).status


def kills(root: Path, beginning: str) -> List[KillAt]:
    """Return every place in the story at which it can be killed, told once to see them all."""
    faults, shop = Faults(), Shop(root)
    shop.begin(beginning)
    assert shop.tell(disk=faults.disk) is Status.COMPLETE
    every = [KillAt(number, when) for number in range(len(faults.ops)) for when in WHEN]
    return [kill for kill in every if kill.when != WHEN[1] or faults.ops[kill.number] == "pwrite"]


def survive(root: Path, verdict: Verdict, killed_at: Sequence[KillAt], *, beginning: str) -> None:
    """Kill the story at one place after the other, tell it to its end, and count the charges."""
    shop = Shop(root)
    shop.begin(beginning)
    for kill in killed_at:
        Doomed(_told(shop, kill)).bury()
    verdict.tried += 1
    try:
        status = shop.tell()
    except PolarisError as error:
        verdict.blame(Problem.REFUSED, error)
        return
    effects = shop.effects
    if len(effects) > 1:
        verdict.blame(Problem.DOUBLED, f"{effects} after {beginning or 'nothing'} and {killed_at}")
    if not effects or status is not Status.COMPLETE:
        verdict.blame(Problem.LOST, f"{status} with {effects} after {beginning or 'nothing'} and {killed_at}")


def _told(shop: Shop, kill: KillAt) -> Callable[[object], Status]:
    return lambda _: shop.tell(disk=disk_with(attrs.evolve(kill)))


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_charge_happens_once_whichever_call_it_is_killed_at(beginning: str, ram: Path, campaign: Campaign) -> None:
    with campaign.count(f"SIGKILL at every call, once; begun: {beginning or 'not'}") as verdict:
        every = kills(ram / "seen", beginning)
        assert len(every) > 60
        for number, kill in enumerate(some_of(every)):
            survive(ram / str(number), verdict, [kill], beginning=beginning)


def test_a_charge_happens_once_though_it_is_killed_again_and_again(ram: Path, campaign: Campaign) -> None:
    with campaign.count("SIGKILL at every call, once; three times") as verdict:
        every = kills(ram / "seen", "")
        thrice = list(itertools.product(every, every[::3], every[::5]))
        for number, killed_at in enumerate(some_of(thrice, short=60 / len(thrice))):
            survive(ram / str(number), verdict, killed_at, beginning="")


# --- negative controls: the kills notice -----------------------------------------------------------------------------


def what_the_kills_find(root: Path, *, beginning: str) -> Verdict:
    verdict = Verdict()
    for number, kill in enumerate(kills(root / "seen", beginning)[::3]):
        survive(root / str(number), verdict, [kill], beginning=beginning)
    return verdict


@control
def test_the_kills_notice_that_no_intent_is_written(monkeypatch: pytest.MonkeyPatch, ram: Path) -> None:
    monkeypatch.setattr(Making, "_intend", lambda *_: None)
    assert what_the_kills_find(ram, beginning="").found[Problem.DOUBLED]


@control
def test_the_kills_notice_a_settlement_that_guesses(monkeypatch: pytest.MonkeyPatch, ram: Path) -> None:
    settle = Executor.settle
    monkeypatch.setattr(Executor, "settle", lambda self, run, name, _: settle(self, run, name, RETRY))
    assert what_the_kills_find(ram, beginning="after the effect").found[Problem.DOUBLED]
