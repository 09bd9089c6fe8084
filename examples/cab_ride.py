"""A cab ride: one run that pauses whenever it waits for a person, told line by line."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Union

from polaris_dsl import Executor, Run, builder, workflow

# --- what is fed, by people and by the car ---------------------------------------------------------------------------


class RideRequest(NamedTuple):
    rider: str
    pickup: str
    drop: str


class DriverAccepted(NamedTuple):
    driver: str


class DriverArrived(NamedTuple):
    at: str


class CodeEntered(NamedTuple):
    code: str


class RideEnded(NamedTuple):
    km: int
    minutes: int


class Rating(NamedTuple):
    stars: int


# --- what is built from it -------------------------------------------------------------------------------------------


class StartCode(NamedTuple):
    code: str


class RideStarted(NamedTuple):
    driver: str


class Fare(NamedTuple):
    cents: int


class Payment(NamedTuple):
    number: int
    cents: int


class Receipt(NamedTuple):
    text: str


@builder
def issue_code(request: RideRequest) -> StartCode:
    return StartCode(code=str(1000 + len(request.pickup) * len(request.drop)))


@builder
def start_ride(
    accepted: DriverAccepted, arrived: DriverArrived, issued: StartCode, entered: CodeEntered
) -> Optional[RideStarted]:
    # With a wrong code nothing is built: the run pauses here until another code is fed.
    return RideStarted(accepted.driver) if entered.code == issued.code else None


@builder
def work_out_fare(started: RideStarted, ended: RideEnded) -> Fare:
    return Fare(cents=300 + 120 * ended.km + 25 * ended.minutes)


class Wallet:
    """A service that a builder needs: its bound method is the builder."""

    def __init__(self) -> None:
        self.charges: List[int] = []

    @builder
    def charge(self, fare: Fare) -> Payment:
        self.charges.append(fare.cents)
        return Payment(number=len(self.charges), cents=fare.cents)


@builder
def write_receipt(request: RideRequest, started: RideStarted, payment: Payment, rating: Optional[Rating]) -> Receipt:
    stars = f", rated {'*' * rating.stars}" if rating else ""
    way = f"{request.pickup} to {request.drop} with {started.driver}"
    return Receipt(f"{way}: {payment.cents / 100:.2f} paid{stars}")


def tell(event: str, run: Run[Receipt]) -> None:
    """Print one line of the story, and where the run stands after it."""
    print(f"\n{event}")
    print(f"  built      {', '.join(data.__name__ for data in run.built) or '-'}")
    print(f"  {run.status.value:10} ", end="")
    if run.target:
        print(run.target.text)
    else:
        silent = "".join(f"; {name} has returned nothing so far" for name in run.silent)
        print(f"waits for {', '.join(data.__name__ for data in run.missing)}{silent}")


def main() -> None:
    wallet = Wallet()
    cab_ride = workflow(
        target=Receipt,
        inputs=Union[RideRequest, DriverAccepted, DriverArrived, CodeEntered, RideEnded, Rating],
        builders=[issue_code, start_ride, work_out_fare, wallet.charge, write_receipt],
        name="cab-ride",
    )
    with Executor(cab_ride) as rides:
        run = rides.run("ride-7", RideRequest("Mira", pickup="Old Mill", drop="Harbour"))
        tell("Mira asks for a cab", run)
        code = run[StartCode].code
        tell("Ben accepts the ride", rides.run("ride-7", DriverAccepted("Ben")))
        tell("Ben arrives, a minute early", rides.run("ride-7", DriverArrived("18:04")))
        tell("Ben types a wrong code", rides.run("ride-7", CodeEntered("0000")))
        tell("Mira tells him the right one", rides.run("ride-7", CodeEntered(code)))
        tell("The ride ends at the harbour", rides.run("ride-7", RideEnded(km=9, minutes=21)))
        tell("The next day, Mira rates it", rides.run("ride-7", Rating(5)))
    print(f"\nthe wallet was charged {len(wallet.charges)} time(s)")


if __name__ == "__main__":
    main()
