"""Times feeding one input of a large run anew: what lies downstream of it is built again, and nothing else."""

from __future__ import annotations

import argparse
import statistics
from itertools import count
from time import perf_counter
from types import ModuleType
from typing import Callable, Dict, Tuple, cast

from report import report

from polaris_dsl import Executor, builder, workflow

GRAPHS = (1_000, 10_000)
DOWNSTREAM = (10, 100)
ROUNDS = 30
PER_ROUND = 10


def refed(size: int, downstream: int) -> Callable[[], object]:
    """Return what feeds one input anew: so many builders follow from it, one after the other, of `size` in all."""
    tail = [f"t{at}" for at in range(1, downstream + 1)]
    head = [f"h{at}" for at in range(1, size - downstream)]
    makes = [*zip(head, ["h0", *head]), *zip(tail, ["t0", *tail])]
    lines = []
    for name in ("h0", "t0", *head, *tail, "end"):
        lines += [f"class {name.title()}:", "    def __init__(self, value): self.value = value"]
        lines += ["    def __eq__(self, other): return self.value == other.value"]
    for name, taken in makes:
        lines += [f"def {name}({taken}: {taken.title()}) -> {name.title()}: return {name.title()}({taken}.value)"]
    lines += [f"def end(a: {head[-1].title()}, b: {tail[-1].title()}) -> End: return End((a.value, b.value))"]
    names = vars(ModuleType("refed"))
    exec(compile("\n".join(lines), "refed", "exec", dont_inherit=True), names)  # noqa: S102  just the names made here
    data = cast("Dict[str, Callable[[object], object]]", names)
    flow = workflow(
        target=names["End"],
        inputs=names["H0"] | names["T0"],
        builders=[builder(names[name]) for name in (*head, *tail, "end")],
        name="refed",
    )
    executor, values = Executor(flow, max_workers=1), count()
    executor.run("r", data["H0"](0), data["T0"](-1))
    return lambda: executor.run("r", data["T0"](next(values)))


def seconds(feed: Callable[[], object]) -> float:
    began = perf_counter()
    for _ in range(PER_ROUND):
        feed()
    return (perf_counter() - began) / PER_ROUND


def growth() -> float:
    """Return what it takes in a run of many builders, times what it takes in one of few, at the best."""
    small, large = (refed(size, DOWNSTREAM[0]) for size in GRAPHS)
    times = [(seconds(small), seconds(large)) for _ in range(ROUNDS)]
    return min(each for _, each in times) / min(each for each, _ in times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    parser.parse_args()
    feeds: Dict[Tuple[int, int], Callable[[], object]] = {
        (size, downstream): refed(size, downstream) for downstream in DOWNSTREAM for size in GRAPHS
    }
    found = {case: [seconds(feed) for _ in range(2)] for case, feed in feeds.items()}
    for _ in range(ROUNDS):
        for case, feed in feeds.items():
            found[case].append(seconds(feed))
    micros = {case: statistics.median(all_seconds) * 1e6 for case, all_seconds in found.items()}
    lines = ["| one input fed anew, µs a call | of 1,000 builders | of 10,000 | ratio |", "|---|---|---|---|"]
    for downstream in DOWNSTREAM:
        small, large = (micros[size, downstream] for size in GRAPHS)
        each = sorted(most / least for least, most in zip(*(found[size, downstream] for size in GRAPHS)))
        ratio = f"{large / small:.1f} ({each[1]:.1f} to {each[-2]:.1f})"
        lines.append(f"| {downstream + 1} builders follow from it | {small:,.0f} | {large:,.0f} | {ratio} |")
    report("refeed", "\n".join(lines))


if __name__ == "__main__":
    main()
