"""Small stories of runs, one for each rule: what is due, cut off, withdrawn, missing, and what a failure leaves."""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, List, Mapping, Optional, Tuple, TypeVar, Union, cast

import attrs
import pytest
from typing_extensions import ParamSpec

from polaris_dsl import (
    Access,
    Context,
    Executor,
    FileStore,
    IncompleteRun,
    MemoryStore,
    Status,
    UnexpectedData,
    UnknownRun,
    Workflow,
    WorkflowError,
    WrongProduct,
    builder,
    workflow,
)
from polaris_dsl.errors import BuilderError
from polaris_dsl.stores import Store

P = ParamSpec("P")
R = TypeVar("R")

LONG = bool(os.environ.get("POLARIS_LONG"))
"""Whether there is time for what is seldom."""

WAIT_S = 30.0
"""How long a builder waits for another that must be running at the same time; never reached when all is well."""


@attrs.frozen
class Order:
    n: int


@attrs.frozen
class Coupon:
    n: int


@attrs.frozen
class Papers:
    n: int


@attrs.frozen
class Otp:
    n: int


@attrs.frozen
class Price:
    n: int


@attrs.frozen
class Label:
    n: int


@attrs.frozen
class Domestic:
    n: int


@attrs.frozen
class Abroad:
    n: int


@attrs.frozen
class Parcel:
    n: int


@attrs.frozen
class Receipt:
    n: int


@attrs.frozen
class Declined:
    n: int


@attrs.frozen
class HugeOrder(Order):
    """Fed in vain: data are matched by their exact class."""


@attrs.frozen
class Door:
    """No codec could write its lock."""

    lock: threading.Lock = attrs.field(eq=False)


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path) -> Store:
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path / "runs", durability="process")


@attrs.frozen
class Calls:
    """Names of the builders that were called, in order; `harvest` takes them out."""

    names: List[str] = attrs.field(factory=list)

    def noted(self, function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def noting(*args: P.args, **kwargs: P.kwargs) -> R:
            self.names.append(function.__name__)
            return function(*args, **kwargs)

        return noting

    def harvest(self) -> List[str]:
        names = list(self.names)
        self.names.clear()
        return names


@pytest.fixture
def calls() -> Calls:
    return Calls()


class Unlucky(Exception):
    """What builders raise here."""


# --- three workflows that most stories are about ---------------------------------------------------------------------


def shop(calls: Calls) -> Workflow[Receipt, Union[Order, Coupon]]:
    """An order has a price in tens; a coupon, a label; both together, a receipt."""

    @builder
    @calls.noted
    def price(order: Order) -> Price:
        return Price(order.n // 10)

    @builder
    @calls.noted
    def label(coupon: Coupon) -> Label:
        return Label(coupon.n)

    @builder
    @calls.noted
    def receipt(price: Price, label: Label) -> Receipt:
        return Receipt(price.n * 100 + label.n)

    return workflow(target=Receipt, inputs=Union[Order, Coupon], builders=[receipt, label, price])


def parcels(calls: Calls) -> Workflow[Receipt, Union[Order, Papers, Otp]]:
    """An order of 0 goes nowhere yet; an even one goes abroad, which takes papers; an odd one does not."""

    @builder
    @calls.noted
    def route(order: Order) -> Union[Domestic, Abroad, None]:
        if order.n == 0:
            return None
        return Domestic(order.n) if order.n % 2 else Abroad(order.n)

    @builder
    @calls.noted
    def customs(abroad: Abroad, papers: Papers) -> Parcel:
        return Parcel(abroad.n + papers.n)

    @builder
    @calls.noted
    def pack(domestic: Domestic) -> Parcel:
        return Parcel(domestic.n)

    @builder
    @calls.noted
    def receipt(parcel: Parcel, otp: Otp) -> Receipt:
        return Receipt(parcel.n + otp.n)

    return workflow(target=Receipt, inputs=Union[Order, Papers, Otp], builders=[route, customs, pack, receipt])


def rebates(calls: Calls) -> Workflow[Receipt, Union[Order, Coupon]]:
    """A coupon below 0 gives no price any more, and the receipt does without."""

    @builder
    @calls.noted
    def price(coupon: Coupon) -> Optional[Price]:
        return Price(coupon.n) if coupon.n >= 0 else None

    @builder
    @calls.noted
    def label(price: Price) -> Label:
        return Label(price.n)

    @builder
    @calls.noted
    def receipt(order: Order, price: Optional[Price]) -> Receipt:
        return Receipt(order.n - (price.n if price else 0))

    return workflow(target=Receipt, inputs=Union[Order, Coupon], builders=[price, label, receipt])


def quotes(calls: Calls) -> Workflow[Receipt, Union[Order, Price]]:
    """A price may be fed, or made from an order: none for 0."""

    @builder
    @calls.noted
    def quote(order: Order) -> Optional[Price]:
        return Price(order.n) if order.n else None

    @builder
    @calls.noted
    def receipt(price: Price) -> Receipt:
        return Receipt(price.n)

    return workflow(target=Receipt, inputs=Union[Order, Price], builders=[quote, receipt])


@attrs.define
class Luck:
    """Builders named in `out_for` raise."""

    out_for: Tuple[str, ...] = ()

    def test(self, name: str) -> None:
        if name in self.out_for:
            raise Unlucky(name)


def risky(calls: Calls, luck: Luck) -> Workflow[Receipt, Union[Order, Coupon]]:
    """The shop, with bad luck."""

    @builder
    @calls.noted
    def price(order: Order) -> Price:
        luck.test("price")
        return Price(order.n)

    @builder
    @calls.noted
    def label(coupon: Coupon) -> Label:
        luck.test("label")
        return Label(coupon.n)

    @builder
    @calls.noted
    def receipt(price: Price, label: Label) -> Receipt:
        return Receipt(price.n * 100 + label.n)

    return workflow(target=Receipt, inputs=Union[Order, Coupon], builders=[price, label, receipt])


# --- due -------------------------------------------------------------------------------------------------------------


def test_a_run_builds_what_its_data_allow_and_pauses(store, calls):
    with Executor(shop(calls), store=store) as executor:
        run = executor.run("r", Order(25))
        assert (run.status, run.target, run.built) == (Status.PAUSED, None, {Price: Price(2)})
        assert calls.harvest() == ["price"]
        run = executor.run("r", Coupon(7))
        assert (run.status, run.target) == (Status.COMPLETE, Receipt(207))
        assert run.built == {Label: Label(7), Receipt: Receipt(207)}
        assert calls.harvest() == ["label", "receipt"]


def test_another_executor_goes_on_where_the_first_stopped(store, calls):
    with Executor(shop(calls), store=store) as first:
        first.run("r", Order(25))
    with Executor(shop(calls), store=store) as second:
        assert second.run("r", Coupon(7)).target == Receipt(207)
    assert calls.harvest() == ["price", "label", "receipt"]


def test_nothing_is_built_twice_for_the_same_data(store, calls):
    with Executor(shop(calls), store=store) as executor:
        executor.run("r", Order(25), Coupon(7))
        calls.harvest()
        run = executor.run("r")
        assert (run.status, run.built, calls.harvest()) == (Status.COMPLETE, {}, [])


def test_newer_data_rebuild_what_is_downstream_of_them_and_nothing_else(store, calls):
    with Executor(shop(calls), store=store) as executor:
        executor.run("r", Order(25), Coupon(7))
        calls.harvest()
        assert executor.run("r", Coupon(8)).target == Receipt(208)
        assert calls.harvest() == ["label", "receipt"]


def test_newer_data_reopen_a_complete_run(store, calls):
    with Executor(shop(calls), store=store) as executor:
        executor.run("r", Order(25), Coupon(7))
        executor.feed("r", Order(35))
        loaded = executor.load("r")
        assert (loaded.status, loaded.target, loaded[Order]) == (Status.DUE, Receipt(207), Order(35))
        run = executor.run("r")
        assert (run.status, run.target) == (Status.COMPLETE, Receipt(307))


def test_a_builder_that_consumes_nothing_is_due_from_the_start_and_once(store, calls):
    @builder
    @calls.noted
    def price() -> Price:
        return Price(1)

    with Executor(workflow(target=Price, builders=[price]), store=store) as executor:
        assert executor.run("r").target == Price(1)
        assert executor.run("r").built == {}
        assert calls.harvest() == ["price"]


def test_a_builder_waits_for_an_optional_that_is_about_to_be_made(store, calls):
    with Executor(rebates(calls), store=store) as executor:
        assert executor.run("r", Order(9), Coupon(2)).target == Receipt(7)
        assert calls.harvest().count("receipt") == 1


def test_an_optional_that_arrives_triggers_its_taker(store, calls):
    with Executor(rebates(calls), store=store) as executor:
        assert executor.run("r", Order(9)).target == Receipt(9)
        assert executor.run("r", Coupon(2)).target == Receipt(7)
        assert calls.harvest().count("receipt") == 2


def test_a_default_stands_in_for_an_absent_optional(store):
    @builder
    def receipt(order: Order, coupon: Coupon = Coupon(5)) -> Receipt:
        return Receipt(order.n + coupon.n)

    with Executor(workflow(target=Receipt, inputs=Union[Order, Coupon], builders=[receipt]), store=store) as executor:
        assert executor.run("r", Order(1)).target == Receipt(6)
        assert executor.run("r", Coupon(7)).target == Receipt(8)


def test_a_builder_that_returned_nothing_runs_again_only_when_its_inputs_change(store, calls):
    with Executor(parcels(calls), store=store) as executor:
        executor.run("r", Order(0))
        executor.run("r")
        executor.run("r", Otp(1))
        assert calls.harvest() == ["route"]
        assert executor.run("r", Order(3)).target == Receipt(4)
        assert calls.harvest() == ["route", "pack", "receipt"]


def test_one_run_id_under_two_workflows_is_two_runs(store, calls):
    other = workflow(target=Receipt, inputs=Union[Order, Coupon], builders=shop(calls).builders, name="other")
    with Executor(shop(calls), store=store) as one, Executor(other, store=store) as two:
        one.run("r", Order(25))
        two.run("r", Coupon(7))
        assert Coupon not in one.load("r")
        assert Order not in two.load("r")


# --- early cutoff ----------------------------------------------------------------------------------------------------


def test_data_fed_twice_change_nothing(store, calls):
    with Executor(shop(calls), store=store) as executor:
        executor.run("r", Order(25), Coupon(7))
        calls.harvest()
        executor.feed("r", Coupon(7))
        assert executor.load("r").status is Status.COMPLETE
        assert executor.run("r", Order(25)).built == {}
        assert calls.harvest() == []


def test_a_rebuilt_but_equal_data_stops_the_wave(store, calls):
    with Executor(shop(calls), store=store) as executor:
        executor.run("r", Order(25), Coupon(7))
        calls.harvest()
        run = executor.run("r", Order(26))
        assert calls.harvest() == ["price"]
        assert run.built == {Price: Price(2)}
        assert (run.status, run.target) == (Status.COMPLETE, Receipt(207))


def test_data_are_compared_with_those_they_replace_not_with_older_ones(store, calls):
    with Executor(shop(calls), store=store) as executor:
        executor.run("r", Order(25), Coupon(7))
        calls.harvest()
        executor.feed("r", Coupon(8))
        executor.feed("r", Coupon(7))
        assert executor.run("r").target == Receipt(207)
        assert calls.harvest() == ["label"]


# --- withdrawal ------------------------------------------------------------------------------------------------------


def test_a_builder_that_now_returns_nothing_withdraws_its_product_and_what_consumed_it(store, calls):
    with Executor(parcels(calls), store=store) as executor:
        executor.run("r", Order(3), Otp(1))
        run = executor.run("r", Order(0))
        assert (run.status, run.target) == (Status.PAUSED, None)
        assert [data in run for data in (Domestic, Parcel, Receipt)] == [False] * 3
        assert run.built == {}
        assert executor.load("r").get(Receipt) is None


def test_a_builder_that_now_picks_the_other_alternative_withdraws_the_first(store, calls):
    with Executor(parcels(calls), store=store) as executor:
        executor.run("r", Order(3), Otp(1))
        run = executor.run("r", Order(4))
        assert (run.get(Domestic), run.get(Abroad), run.get(Parcel), run.target) == (None, Abroad(4), None, None)
        assert executor.run("r", Papers(10)).target == Receipt(15)
        assert executor.run("r", Order(3)).target == Receipt(4)
        assert Abroad not in executor.load("r")


def test_what_was_withdrawn_is_built_again_when_its_data_come_back(store, calls):
    with Executor(parcels(calls), store=store) as executor:
        executor.run("r", Order(3), Otp(1))
        executor.run("r", Order(0))
        calls.harvest()
        assert executor.run("r", Order(3)).target == Receipt(4)
        assert calls.harvest() == ["route", "pack", "receipt"]


def test_a_taker_of_a_withdrawn_optional_runs_again_without_it(store, calls):
    with Executor(rebates(calls), store=store) as executor:
        executor.run("r", Order(9), Coupon(2))
        calls.harvest()
        run = executor.run("r", Coupon(-1))
        assert (run.target, run.get(Price), run.get(Label)) == (Receipt(9), None, None)
        assert calls.harvest() == ["price", "receipt"]


@pytest.mark.parametrize("last", [7, 8], ids=["equal", "other"])
def test_a_product_that_takes_the_place_of_one_that_would_go_with_the_former_choice_stays(store, last):
    @builder
    def route(order: Order) -> Union[Parcel, Domestic]:
        return Parcel(order.n) if order.n else Domestic(0)

    @builder
    def pack(domestic: Domestic) -> Parcel:
        return Parcel(domestic.n + 7)

    @builder
    def receipt(parcel: Parcel) -> Receipt:
        return Receipt(parcel.n)

    flow = workflow(target=Receipt, inputs=Order, builders=[route, pack, receipt])
    with Executor(flow, store=store) as executor:
        assert executor.run("r", Order(0)).target == Receipt(7)
        executor.run("r", Order(last))
        loaded = executor.load("r")
        assert (loaded.get(Domestic), loaded.get(Parcel), loaded.target) == (None, Parcel(last), Receipt(last))
        assert executor.run("r", Order(0)).target == Receipt(7)


# --- fed and built are one kind --------------------------------------------------------------------------------------


def test_an_input_is_replaced_when_a_builder_makes_it(store, calls):
    with Executor(quotes(calls), store=store) as executor:
        assert executor.run("r", Price(7)).target == Receipt(7)
        assert executor.run("r", Order(3)).target == Receipt(3)
        assert executor.run("both", Order(3), Price(7)).target == Receipt(3)


def test_a_product_is_replaced_when_it_is_fed(store, calls):
    with Executor(quotes(calls), store=store) as executor:
        executor.run("r", Order(3))
        calls.harvest()
        assert executor.run("r", Price(9)).target == Receipt(9)
        assert calls.harvest() == ["receipt"]


def test_a_builder_does_not_withdraw_what_was_fed_over_its_product(store, calls):
    with Executor(quotes(calls), store=store) as executor:
        executor.run("r", Order(3))
        executor.run("r", Price(9))
        run = executor.run("r", Order(0))
        assert (run[Price], run.target) == (Price(9), Receipt(9))


def test_a_builder_withdraws_its_product_though_it_replaced_what_was_fed(store, calls):
    with Executor(quotes(calls), store=store) as executor:
        executor.run("r", Price(9))
        executor.run("r", Order(3))
        run = executor.run("r", Order(0))
        assert (run.get(Price), run.target, run.missing) == (None, None, (Price,))


# --- accesses --------------------------------------------------------------------------------------------------------


def tally(calls: Calls) -> Workflow[Receipt, Union[Order, Coupon]]:
    """A receipt adds to the last one, and to the coupon if there is one just then."""

    @builder
    @calls.noted
    def receipt(order: Order, coupon: Access[Coupon], last: Access[Receipt]) -> Receipt:
        return Receipt(order.n + (coupon.n if coupon else 0) + (last.n if last else 0))

    return workflow(target=Receipt, inputs=Union[Order, Coupon], builders=[receipt])


def test_an_access_is_none_while_the_data_is_absent_and_never_triggers(store, calls):
    with Executor(tally(calls), store=store) as executor:
        assert executor.run("r", Order(1)).target == Receipt(1)
        run = executor.run("r", Coupon(100))
        assert (run.status, run.target, run.built) == (Status.COMPLETE, Receipt(1), {})
        assert calls.harvest() == ["receipt"]


def test_an_access_is_read_as_it_is_when_the_builder_runs_its_own_product_too(store, calls):
    with Executor(tally(calls), store=store) as executor:
        executor.run("r", Order(1))
        executor.run("r", Coupon(100))
        assert executor.run("r", Order(2)).target == Receipt(103)


def test_two_builders_may_access_each_others_products(store):
    @builder
    def price(order: Order, label: Access[Label]) -> Price:
        return Price(order.n + (label.n if label else 0))

    @builder
    def label(coupon: Coupon, price: Access[Price]) -> Label:
        return Label(coupon.n + (price.n if price else 0))

    @builder
    def receipt(price: Price, label: Label) -> Receipt:
        return Receipt(price.n * 100 + label.n)

    flow = workflow(target=Receipt, inputs=Union[Order, Coupon], builders=[price, label, receipt])
    with Executor(flow, store=store) as executor:
        executor.run("r", Order(1))
        assert executor.run("r", Coupon(2)).target == Receipt(103)
        assert executor.run("r", Order(4)).target == Receipt(703)


# --- failure ---------------------------------------------------------------------------------------------------------


def test_a_failure_keeps_all_that_does_not_depend_on_it_and_is_told_at_the_end(store, calls):
    with Executor(risky(calls, Luck(("price",))), store=store) as executor:
        with pytest.raises(BuilderError) as caught:
            executor.run("r", Order(2), Coupon(7))
        error = caught.value
        assert error.builder == "price"
        assert error.run_id == "r"
        assert isinstance(error.__cause__, Unlucky)
        assert [one.builder for one in error.failures] == ["price"]
        assert error.run.built == {Label: Label(7)}
        assert error.run[Label] == Label(7)
        assert error.run.missing == ()
        assert sorted(calls.harvest()) == ["label", "price"]
        assert executor.load("r").status is Status.FAILED


def test_a_failed_builder_is_tried_once_per_call_until_it_works(store, calls):
    luck = Luck(("price",))
    with Executor(risky(calls, luck), store=store) as executor:
        for _ in range(3):
            with pytest.raises(BuilderError):
                executor.run("r", Order(2), Coupon(7))
        assert calls.harvest().count("price") == 3
        luck.out_for = ()
        run = executor.run("r")
        assert (run.status, run.target) == (Status.COMPLETE, Receipt(207))
        assert run.built == {Price: Price(2), Receipt: Receipt(207)}
        assert calls.harvest() == ["price", "receipt"]


def test_data_that_arrive_meanwhile_do_not_make_a_call_try_a_failed_builder_twice(store, calls):
    late = iter([Otp(1)])

    @builder
    @calls.noted
    def price(order: Order) -> Price:
        raise Unlucky(order)

    @builder
    @calls.noted
    def label(order: Order, otp: Optional[Otp]) -> Label:
        for one in late:
            executor.feed("r", one)
        return Label(order.n + (otp.n if otp else 0))

    @builder
    @calls.noted
    def receipt(price: Price, label: Label) -> Receipt:
        return Receipt(price.n + label.n)

    flow = workflow(target=Receipt, inputs=Union[Order, Otp], builders=[price, label, receipt])
    with Executor(flow, store=store, max_workers=1) as executor:
        with pytest.raises(BuilderError) as caught:
            executor.run("r", Order(1))
        assert caught.value.run[Label] == Label(2)
        assert sorted(calls.harvest()) == ["label", "label", "price"]


def test_another_executor_tries_a_failed_builder_again(store, calls):
    with Executor(risky(calls, Luck(("price",))), store=store) as executor, pytest.raises(BuilderError):
        executor.run("r", Order(2), Coupon(7))
    with Executor(risky(calls, Luck()), store=store) as executor:
        assert executor.load("r").status is Status.FAILED
        assert executor.run("r").target == Receipt(207)


@pytest.mark.parametrize("max_workers", [1, 2])
def test_all_failures_of_a_call_are_told_in_one_error(store, calls, max_workers):
    flow = risky(calls, Luck(("label", "price")))
    with Executor(flow, store=store, max_workers=max_workers) as executor:
        with pytest.raises(BuilderError) as caught:
            executor.run("r", Order(2), Coupon(7))
        told = [one.builder for one in caught.value.failures]
        assert sorted(told) == ["label", "price"]
        assert caught.value.builder == told[0]
        assert all(isinstance(one.__cause__, Unlucky) for one in caught.value.failures)
        with pytest.raises(BuilderError) as again:
            executor.run("r")
        assert [one.builder for one in again.value.failures] == told


def test_a_failure_on_newer_data_leaves_the_old_product_and_reopens_the_run(store, calls):
    luck = Luck()
    with Executor(risky(calls, luck), store=store) as executor:
        executor.run("r", Order(2), Coupon(7))
        luck.out_for = ("price",)
        calls.harvest()
        with pytest.raises(BuilderError):
            executor.run("r", Order(3), Coupon(8))
        loaded = executor.load("r")
        assert (loaded.status, loaded.target, loaded[Price]) == (Status.FAILED, Receipt(207), Price(2))
        assert sorted(calls.harvest()) == ["label", "price"]
        luck.out_for = ()
        assert executor.run("r").target == Receipt(308)


def test_a_failed_builder_whose_data_were_withdrawn_has_failed_no_more(store, calls):
    @builder
    @calls.noted
    def route(order: Order) -> Union[Domestic, Abroad]:
        return Domestic(order.n) if order.n % 2 else Abroad(order.n)

    @builder
    @calls.noted
    def pack(domestic: Domestic) -> Parcel:
        raise Unlucky(domestic)

    @builder
    @calls.noted
    def customs(abroad: Abroad) -> Parcel:
        return Parcel(abroad.n)

    flow = workflow(target=Parcel, inputs=Order, builders=[route, pack, customs])
    with Executor(flow, store=store) as executor:
        with pytest.raises(BuilderError):
            executor.run("r", Order(3))
        run = executor.run("r", Order(4))
        assert (run.status, run.target) == (Status.COMPLETE, Parcel(4))
        assert calls.harvest() == ["route", "pack", "route", "customs"]


def test_an_interrupt_passes_through_and_leaves_the_run_as_it_was_committed(store, calls):
    class Killed(BaseException):
        """No Exception: nothing for a library to catch."""

    lives = iter([False, True])

    @builder
    @calls.noted
    def price(order: Order) -> Price:
        return Price(order.n)

    @builder
    @calls.noted
    def receipt(price: Price) -> Receipt:
        if not next(lives):
            raise Killed
        return Receipt(price.n)

    with Executor(workflow(target=Receipt, inputs=Order, builders=[price, receipt]), store=store) as executor:
        with pytest.raises(Killed):
            executor.run("r", Order(1))
        loaded = executor.load("r")
        assert (loaded.status, loaded.get(Price)) == (Status.DUE, Price(1))
        assert executor.run("r").target == Receipt(1)
        assert calls.harvest() == ["price", "receipt", "receipt"]


@pytest.mark.parametrize(
    ("returned", "name"),
    [(Label(1), "Label"), (None, "None"), (HugeOrder(1), "HugeOrder"), (Price, "type"), (1, "int")],
    ids=repr,
)
def test_a_builder_that_returns_what_it_did_not_declare_fails(store, calls, returned, name):
    @builder
    @calls.noted
    def price(coupon: Coupon) -> Union[Price, Domestic]:
        return cast(Price, returned if coupon.n else Price(1))

    @builder
    def receipt(price: Price) -> Receipt:
        return Receipt(price.n)

    @builder
    def at_home(domestic: Domestic) -> Receipt:
        return Receipt(domestic.n)

    flow = workflow(target=Receipt, inputs=Coupon, builders=[price, receipt, at_home])
    with Executor(flow, store=store) as executor:
        with pytest.raises(WrongProduct) as caught:
            executor.run("r", Coupon(1))
        assert caught.value.builder == "price"
        assert caught.value.declared == ("Price", "Domestic")
        assert caught.value.returned.rpartition(".")[2].replace("NoneType", "None") == name
        assert caught.value.failures == (caught.value,)
        assert executor.load("r").status is Status.FAILED
        assert executor.run("r", Coupon(0)).target == Receipt(1)
        assert calls.harvest() == ["price", "price"]


def test_a_subclass_of_what_was_declared_is_a_wrong_product(store):
    @builder
    def order(coupon: Coupon) -> Order:
        return HugeOrder(coupon.n)

    with Executor(workflow(target=Order, inputs=Coupon, builders=[order]), store=store) as executor:
        with pytest.raises(WrongProduct) as caught:
            executor.run("r", Coupon(1))
        assert caught.value.returned == "HugeOrder"


# --- status ----------------------------------------------------------------------------------------------------------


def test_a_run_that_was_fed_and_not_yet_run_is_due(store, calls):
    with Executor(shop(calls), store=store) as executor:
        executor.feed("r", Order(25))
        loaded = executor.load("r")
        assert (loaded.status, loaded.built, calls.harvest()) == (Status.DUE, {}, [])
        assert executor.run("r").status is Status.PAUSED


def test_a_fed_run_in_which_no_builder_can_run_is_paused(store, calls):
    with Executor(parcels(calls), store=store) as executor:
        executor.feed("r", Otp(1))
        assert executor.load("r").status is Status.PAUSED


def test_failed_goes_before_due(store, calls):
    with Executor(risky(calls, Luck(("price",))), store=store) as executor:
        with pytest.raises(BuilderError):
            executor.run("r", Order(2))
        executor.feed("r", Coupon(7))
        assert executor.load("r").status is Status.FAILED


def test_due_goes_before_complete_and_complete_before_paused(store, calls):
    with Executor(rebates(calls), store=store) as executor:
        assert executor.run("r", Order(9)).status is Status.COMPLETE
        executor.feed("r", Coupon(1))
        assert executor.load("r").status is Status.DUE
        assert executor.load("r").target == Receipt(9)


# --- missing and silent ----------------------------------------------------------------------------------------------


def test_missing_names_the_absent_inputs_of_all_ways_that_are_open_in_the_order_of_the_inputs(store, calls):
    with Executor(parcels(calls), store=store) as executor:
        assert executor.run("r", Otp(1)).missing == (Order, Papers)
        assert executor.run("other", Papers(1)).missing == (Order, Otp)


def test_missing_leaves_out_what_only_the_way_not_taken_needs(store, calls):
    with Executor(parcels(calls), store=store) as executor:
        assert executor.run("r", Order(3)).missing == (Otp,)
        assert executor.run("r", Order(4)).missing == (Papers, Otp)
        assert executor.run("r", Order(0)).missing == (Papers, Otp)


def test_missing_is_empty_when_the_run_is_complete(store, calls):
    with Executor(parcels(calls), store=store) as executor:
        run = executor.run("r", Order(3), Otp(1))
        assert (run.status, run.missing, run.silent) == (Status.COMPLETE, (), ())


def test_missing_leaves_out_optionals_and_what_does_not_lead_to_the_target(store):
    @builder
    def price(order: Order, coupon: Optional[Coupon]) -> Price:
        return Price(order.n + (coupon.n if coupon else 0))

    @builder
    def label(price: Price, papers: Papers) -> Label:
        return Label(price.n + papers.n)

    @builder
    def receipt(price: Price, otp: Otp, label: Optional[Label]) -> Receipt:
        return Receipt(price.n + otp.n + (label.n if label else 0))

    flow = workflow(target=Receipt, inputs=Union[Otp, Papers, Coupon, Order], builders=[price, label, receipt])
    with Executor(flow, store=store) as executor:
        assert executor.run("r", Coupon(1)).missing == (Otp, Order)
        assert executor.run("r", Order(1)).missing == (Otp,)


def test_missing_leaves_out_what_a_builder_behind_the_way_not_taken_needs_besides(store):
    @builder
    def route(order: Order) -> Union[Domestic, Abroad]:
        return Domestic(order.n) if order.n % 2 else Abroad(order.n)

    @builder
    def labelled(abroad: Abroad, papers: Papers) -> Label:
        return Label(abroad.n + papers.n)

    @builder
    def customs(label: Label, coupon: Coupon) -> Parcel:
        return Parcel(label.n + coupon.n)

    @builder
    def pack(domestic: Domestic, otp: Otp) -> Parcel:
        return Parcel(domestic.n + otp.n)

    flow = workflow(target=Parcel, inputs=Union[Order, Papers, Coupon, Otp], builders=[route, labelled, customs, pack])
    with Executor(flow, store=store) as executor:
        assert executor.run("r", Order(3)).missing == (Otp,)
        assert executor.run("r", Order(4)).missing == (Papers, Coupon)


def test_silent_names_the_builders_on_the_way_that_returned_nothing(store, calls):
    with Executor(parcels(calls), store=store) as executor:
        run = executor.run("r", Order(0), Papers(1), Otp(1))
        assert (run.status, run.missing, run.silent) == (Status.PAUSED, (), ("route",))
        assert executor.load("r").silent == ("route",)
        assert executor.run("r", Order(3)).silent == ()


def hesitant() -> Workflow[Parcel, Union[Order, Papers, Otp]]:
    """A price for orders that are not 0; from 100 on there is no way for it yet; else abroad or not."""

    @builder
    def price(order: Order) -> Optional[Price]:
        return Price(order.n) if order.n else None

    @builder
    def route(price: Price) -> Union[Domestic, Abroad, None]:
        if price.n >= 100:
            return None
        return Domestic(price.n) if price.n % 2 else Abroad(price.n)

    @builder
    def customs(abroad: Abroad, papers: Papers) -> Parcel:
        return Parcel(abroad.n + papers.n)

    @builder
    def pack(domestic: Domestic, otp: Otp) -> Parcel:
        return Parcel(domestic.n + otp.n)

    return workflow(target=Parcel, inputs=Union[Order, Papers, Otp], builders=[price, route, customs, pack])


def test_missing_names_all_ways_again_when_a_choice_was_withdrawn(store):
    with Executor(hesitant(), store=store) as executor:
        assert executor.run("r", Order(2)).missing == (Papers,)
        assert executor.run("r", Order(0)).missing == (Papers, Otp)
        assert executor.run("r", Order(100)).missing == (Papers, Otp)
        assert executor.run("r", Order(3)).missing == (Otp,)


def test_silent_leaves_out_builders_whose_own_data_were_withdrawn(store):
    with Executor(hesitant(), store=store) as executor:
        assert executor.run("r", Order(100)).silent == ("route",)
        assert executor.run("r", Order(0)).silent == ("price",)
        assert executor.load("r").silent == ("price",)


def test_silent_leaves_out_builders_beside_the_way(store, calls):
    @builder
    def hint(coupon: Coupon) -> Optional[Label]:
        return Label(coupon.n) if coupon.n else None

    @builder
    def receipt(order: Order, label: Optional[Label]) -> Receipt:
        return Receipt(order.n + (label.n if label else 0))

    flow = workflow(target=Receipt, inputs=Union[Order, Coupon], builders=[hint, receipt])
    with Executor(flow, store=store) as executor:
        run = executor.run("r", Coupon(0))
        assert (run.status, run.missing, run.silent) == (Status.PAUSED, (Order,), ())


# --- what a run shows ------------------------------------------------------------------------------------------------


def test_a_run_gives_its_data_by_type(store, calls):
    with Executor(shop(calls), store=store) as executor:
        run = executor.run("r", Order(25))
        assert run.id == "r"
        assert (run[Price], run.get(Price), Price in run) == (Price(2), Price(2), True)
        assert (run.get(Receipt), Receipt in run, run.target) == (None, False, None)
        with pytest.raises(KeyError):
            run[Receipt]


def test_the_result_of_a_run_is_its_target_or_an_error_that_says_what_is_missing(store, calls):
    with Executor(parcels(calls), store=store) as executor:
        with pytest.raises(IncompleteRun) as caught:
            executor.run("r", Order(0)).result()
        error = caught.value
        assert (error.run_id, error.target, error.missing, error.silent) == ("r", "Receipt", (Papers, Otp), ("route",))
        assert executor.run("r", Order(3), Otp(1)).result() == Receipt(4)


def test_a_run_stays_as_it_was_when_the_next_call_goes_on(store, calls):
    with Executor(shop(calls), store=store) as executor:
        before = executor.run("r", Order(25))
        executor.run("r", Coupon(7))
        assert (before.status, before.target, Coupon in before) == (Status.PAUSED, None, False)


# --- the target ------------------------------------------------------------------------------------------------------


def payment() -> Workflow[Union[Receipt, Declined], Order]:
    @builder
    def charge(order: Order) -> Union[Receipt, Declined]:
        return Receipt(order.n) if order.n < 100 else Declined(order.n)

    return workflow(target=Union[Receipt, Declined], inputs=Order, builders=[charge])


def test_a_union_target_is_reached_by_either_alternative(store):
    with Executor(payment(), store=store) as executor:
        run = executor.run("paid", Order(1))
        assert (run.status, run.target, run.result()) == (Status.COMPLETE, Receipt(1), Receipt(1))
        run = executor.run("declined", Order(100))
        assert (run.status, run.target, run.result()) == (Status.COMPLETE, Declined(100), Declined(100))


def test_a_union_target_follows_the_choice(store):
    with Executor(payment(), store=store) as executor:
        executor.run("r", Order(1))
        assert executor.run("r", Order(100)).target == Declined(100)
        assert Receipt not in executor.load("r")


# --- the facts of a call ---------------------------------------------------------------------------------------------


def test_a_context_tells_the_run_the_builder_and_a_key_that_goes_with_the_inputs(store):
    seen: List[Context] = []
    luck = Luck(("charge",))

    @builder(name="charge-card")
    def charge(context: Context, order: Order, coupon: Optional[Coupon]) -> Receipt:
        seen.append(context)
        luck.test("charge")
        return Receipt(order.n + (coupon.n if coupon else 0))

    flow = workflow(target=Receipt, inputs=Union[Order, Coupon], builders=[charge])
    with Executor(flow, store=store) as executor, pytest.raises(BuilderError):
        executor.run("r", Order(1))
    luck.out_for = ()
    with Executor(flow, store=store) as executor:
        executor.run("r")
        executor.run("r", Coupon(1))
        executor.run("other", Order(1))
    failed, again, with_coupon, other = (context.idempotency_key for context in seen)
    assert failed == again
    assert len({again, with_coupon, other}) == 3
    assert [context.run_id for context in seen] == ["r", "r", "r", "other"]
    assert {context.builder for context in seen} == {"charge-card"}
    assert all(isinstance(context.logger, (logging.Logger, logging.LoggerAdapter)) for context in seen)


def test_two_builders_with_the_same_inputs_have_different_keys(store):
    seen: List[str] = []

    @builder
    def price(order: Order, context: Context) -> Price:
        seen.append(context.idempotency_key)
        return Price(order.n)

    @builder
    def label(order: Order, context: Context) -> Label:
        seen.append(context.idempotency_key)
        return Label(order.n)

    with Executor(workflow(target=Price, inputs=Order, builders=[price, label]), store=store) as executor:
        executor.run("r", Order(1))
    assert len(set(seen)) == 2


def test_inputs_that_come_back_have_the_key_that_they_had(store):
    seen: List[str] = []

    @builder
    def price(coupon: Coupon) -> Optional[Price]:
        return Price(coupon.n) if coupon.n else None

    @builder
    def receipt(order: Order, price: Optional[Price], context: Context) -> Receipt:
        seen.append(context.idempotency_key)
        return Receipt(order.n - (price.n if price else 0))

    flow = workflow(target=Receipt, inputs=Union[Order, Coupon], builders=[price, receipt])
    with Executor(flow, store=store) as executor:
        executor.run("r", Order(9))
        executor.run("r", Coupon(2))
        executor.run("r", Coupon(0))
    bare, reduced, bare_again = seen
    assert bare == bare_again
    assert bare != reduced


# --- data that cannot be taken ---------------------------------------------------------------------------------------

REFUSED = {
    "no input": (Price(4711),),
    "none": (None,),
    "a class": (Order,),
    "two values of one input": (Order(4711), Order(4712)),
    "one value twice": (Order(4711), Order(4711)),
    "a subclass of an input": (HugeOrder(4711),),
    "no data": (4711,),
    "one good one bad": (Coupon(4711), Price(4711)),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_data_that_are_refused_keep_nothing_of_their_call(store, calls, data):
    with Executor(shop(calls), store=store) as executor:
        for call in (executor.run, executor.feed):
            with pytest.raises(UnexpectedData) as caught:
                cast("Callable[..., object]", call)("r", *data)
            assert "4711" not in str(caught.value)
            assert caught.value.inputs == ("Order", "Coupon")
        with pytest.raises(UnknownRun):
            executor.load("r")
        executor.run("r", Order(25))
        with pytest.raises(UnexpectedData):
            cast("Callable[..., object]", executor.run)("r", *data)
        loaded = executor.load("r")
        assert (loaded.status, loaded[Order], Coupon in loaded) == (Status.PAUSED, Order(25), False)
    with pytest.raises(UnexpectedData):
        cast("Callable[..., object]", shop(calls).run)(*data)
    assert calls.harvest() == ["price"]


def test_refused_data_are_named_by_their_type(store, calls):
    with Executor(shop(calls), store=store) as executor, pytest.raises(UnexpectedData) as caught:
        executor.run("r", cast(Order, Price(1)), cast(Order, Label(2)))
    first, second = caught.value.problems
    assert "Price" in first
    assert "Label" in second


# --- in memory -------------------------------------------------------------------------------------------------------


def test_a_workflow_runs_by_itself_in_memory_each_time_anew(calls):
    flow = shop(calls)
    run = flow.run(Order(25), Coupon(7))
    assert (run.status, run.target) == (Status.COMPLETE, Receipt(207))
    run = flow.run(Coupon(7))
    assert (run.status, run.missing) == (Status.PAUSED, (Order,))
    assert calls.harvest().count("price") == 1


def test_a_failure_in_memory_is_told_as_by_an_executor(calls):
    with pytest.raises(BuilderError) as caught:
        risky(calls, Luck(("price",))).run(Order(1), Coupon(7))
    assert caught.value.builder == "price"
    assert caught.value.run[Label] == Label(7)


def test_an_executor_without_a_store_keeps_its_runs_to_itself(calls):
    flow = shop(calls)
    with Executor(flow) as one, Executor(flow) as two:
        one.run("r", Order(25))
        assert one.run("r", Coupon(7)).target == Receipt(207)
        with pytest.raises(UnknownRun):
            two.load("r")


def test_without_a_codec_data_are_live_objects_and_equal_is_what_they_say():
    calls: List[object] = []

    @builder
    def receipt(door: Door) -> Receipt:
        calls.append(door)
        return Receipt(len(calls))

    lock = threading.Lock()
    with Executor(workflow(target=Receipt, inputs=Door, builders=[receipt])) as executor:
        run = executor.run("r", Door(lock))
        assert run[Door].lock is lock
        assert executor.run("r", Door(threading.Lock())).target == Receipt(1)
        assert len(calls) == 1


# --- replacing builders ----------------------------------------------------------------------------------------------


@builder
def real_price(order: Order) -> Price:
    return Price(order.n)


@builder
def real_receipt(price: Price) -> Receipt:
    return Receipt(price.n)


@builder
def fake_price(order: Order) -> Price:
    return Price(order.n + 1000)


@builder
def fake_label(order: Order) -> Label:
    return Label(order.n)


REAL = workflow(target=Receipt, inputs=Order, builders=[real_price, real_receipt])


def test_a_replaced_builder_runs_in_the_new_workflow_only():
    assert REAL.replace({real_price: fake_price}).run(Order(1)).target == Receipt(1001)
    assert REAL.run(Order(1)).target == Receipt(1)


def test_a_replaced_workflow_is_checked_again():
    with pytest.raises(WorkflowError) as caught:
        REAL.replace({real_price: fake_label})
    assert "missing-data" in {str(one.code) for one in caught.value.diagnostics}


# --- threads ---------------------------------------------------------------------------------------------------------


def threaded(calls: Calls, meet: Callable[[str], object]) -> Workflow[Receipt, Order]:
    """Two builders that are due at once; `next_label` is due when `label` is done."""

    @builder
    @calls.noted
    def price(order: Order) -> Price:
        meet("price")
        return Price(order.n)

    @builder
    @calls.noted
    def label(order: Order) -> Label:
        meet("label")
        return Label(order.n)

    @builder
    @calls.noted
    def parcel(label: Label) -> Parcel:
        meet("parcel")
        return Parcel(label.n)

    @builder
    @calls.noted
    def receipt(price: Price, parcel: Parcel) -> Receipt:
        meet("receipt")
        return Receipt(price.n + parcel.n)

    return workflow(target=Receipt, inputs=Order, builders=[price, label, parcel, receipt])


def test_builders_that_are_due_at_once_run_at_once(store, calls):
    barrier = threading.Barrier(2)

    def meet(name: str) -> None:
        if name in {"price", "label"}:
            barrier.wait(WAIT_S)

    with Executor(threaded(calls, meet), store=store, max_workers=2) as executor:
        assert executor.run("r", Order(1)).target == Receipt(2)


@attrs.frozen
class Handover:
    """The slow builder of the first two waits until the one behind the other has begun."""

    slow: str
    behind: Mapping[str, str]
    begun: threading.Event = attrs.field(factory=threading.Event)

    def meet(self, name: str) -> None:
        if name == self.slow:
            assert self.begun.wait(WAIT_S)
        if name in self.behind and self.behind[name] != self.slow:
            self.begun.set()


@pytest.mark.parametrize("slow", ["price", "label"])
def test_a_builder_starts_the_moment_it_is_due_whatever_else_is_running(store, slow):
    turn = Handover(slow, {"parcel": "price", "domestic": "label"})

    @builder
    def price(order: Order) -> Price:
        turn.meet("price")
        return Price(order.n)

    @builder
    def label(order: Order) -> Label:
        turn.meet("label")
        return Label(order.n)

    @builder
    def parcel(price: Price) -> Parcel:
        turn.meet("parcel")
        return Parcel(price.n)

    @builder
    def domestic(label: Label) -> Domestic:
        turn.meet("domestic")
        return Domestic(label.n)

    @builder
    def receipt(parcel: Parcel, domestic: Domestic) -> Receipt:
        return Receipt(parcel.n + domestic.n)

    flow = workflow(target=Receipt, inputs=Order, builders=[price, label, parcel, domestic, receipt])
    with Executor(flow, store=store, max_workers=2) as executor:
        assert executor.run("r", Order(1)).target == Receipt(2)


@pytest.fixture
def restless():
    """Let threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("restless")
def test_builders_that_are_due_at_once_run_at_once_however_the_threads_before_them_end():
    first, second = threading.Barrier(2), threading.Barrier(2)

    @builder
    def price(order: Order) -> Price:
        first.wait(WAIT_S)
        return Price(order.n)

    @builder
    def label(order: Order) -> Label:
        first.wait(WAIT_S)
        return Label(order.n)

    @builder
    def parcel(price: Price, label: Label) -> Parcel:
        second.wait(WAIT_S)
        return Parcel(price.n + label.n)

    @builder
    def domestic(price: Price, label: Label) -> Domestic:
        second.wait(WAIT_S)
        return Domestic(price.n + label.n)

    @builder
    def receipt(parcel: Parcel, domestic: Domestic) -> Receipt:
        return Receipt(parcel.n + domestic.n)

    flow = workflow(target=Receipt, inputs=Order, builders=[price, label, parcel, domestic, receipt])
    with Executor(flow, max_workers=2) as executor:
        for number in range(20_000 if LONG else 2_000):
            assert executor.run(str(number), Order(1)).target == Receipt(4)


def test_one_worker_is_the_thread_of_the_caller(store, calls):
    threads: List[int] = []
    flow = threaded(calls, lambda _: threads.append(threading.get_ident()))
    with Executor(flow, store=store, max_workers=1) as executor:
        executor.run("r", Order(1))
    assert threads == [threading.get_ident()] * 4


def test_builders_that_are_due_one_by_one_stay_in_the_thread_of_the_caller(store, calls):
    threads: List[int] = []

    @builder
    def price(order: Order) -> Price:
        threads.append(threading.get_ident())
        return Price(order.n)

    @builder
    def receipt(price: Price) -> Receipt:
        threads.append(threading.get_ident())
        return Receipt(price.n)

    flow = workflow(target=Receipt, inputs=Order, builders=[receipt, price])
    with Executor(flow, store=store, max_workers=4) as executor:
        executor.run("r", Order(1))
    assert threads == [threading.get_ident()] * 2


def test_a_pool_of_the_caller_is_used(store, calls):
    barrier = threading.Barrier(2)
    names: List[str] = []

    def meet(name: str) -> None:
        names.append(threading.current_thread().name)
        if name in {"price", "label"}:
            barrier.wait(WAIT_S)

    with ThreadPoolExecutor(4, thread_name_prefix="mine") as pool:
        with Executor(threaded(calls, meet), store=store, max_workers=2, pool=pool) as executor:
            assert executor.run("r", Order(1)).target == Receipt(2)
        assert any(name.startswith("mine") for name in names)
        assert pool.submit(int, "7").result() == 7
