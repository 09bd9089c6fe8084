"""Which data are present in a run, as far as its journal tells without the code of its workflow."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Union

from typing_extensions import Literal

from polaris_dsl.stores import Built, Fed, Line, Rested

FED = ""
"""In place of a builder: the data was fed."""

State = Literal["present", "gone", "withdrawn", "replaced"]

Standing = Tuple[int, str]
"""A version, and who made it."""


class Present:
    """Which data are present after some lines, as far as these tell: what consumed a withdrawn data is withdrawn too.

    Only the code says what a builder consumes and what is optional to it. Here it consumes what was there at each of
    its calls: where an optional was withdrawn, the builder is called again without it, which is a line that shows it.
    Transient data are gone when a call has ended. Then what is out of date and lacks one is withdrawn until it is kept.
    """

    def __init__(self, lines: Sequence[Line], /, *, consumes: Mapping[str, Set[str]], held: bool) -> None:
        self.made: Dict[str, Optional[str]] = {}
        self._there: Dict[str, Standing] = {}
        self._gone: Dict[str, Standing] = {}
        self._aside: Dict[str, Standing] = {}
        self._newest: Dict[str, int] = {}
        self._inputs: Dict[str, Mapping[str, int]] = {}
        self._transient: Set[str] = set()
        self._consumes = consumes
        for n, line in enumerate(lines, 1):
            if isinstance(line, (Fed, Built)):
                self._put(n, line)
            elif isinstance(line, Rested):
                self._part()
        if not held:
            self._part()

    def state(self, name: str, version: int) -> State:
        """Return what became of a version."""
        if self._newest[name] != version:
            return "replaced"
        if name in self._there:
            return "present"
        return "gone" if name in self._gone else "withdrawn"

    def _put(self, n: int, line: Union[Fed, Built]) -> None:
        maker = line.by if isinstance(line, Built) else FED
        self._transient.update(line.transient)
        for name in (*(put.name for put in line.put), *line.transient):
            self._newest[name] = n
            self._there[name] = (n, maker)
            self._gone.pop(name, None)
            self._aside.pop(name, None)
        if isinstance(line, Built):
            self._built(line)
        self._look()

    def _built(self, line: Built) -> None:
        self._inputs[line.by] = line.inputs
        for name in line.kept:
            if name in self._aside:
                self._put_back(name, line.by)
            elif name in self._newest:
                self._there[name] = (self._newest[name], line.by)
        product = next((name for name in (*(put.name for put in line.put), *line.kept, *line.transient)), None)
        before = self.made.get(line.by)
        self.made[line.by] = product
        if before is not None and before != product:
            self._withdraw(before, line.by)

    def _part(self) -> None:
        """Let transient data go."""
        for name in self._transient & self._there.keys():
            self._gone[name] = self._there.pop(name)
        self._look()

    def _look(self) -> None:
        """Withdraw what is out of date and lacks nothing but transient data that have gone."""
        for by, inputs in self._inputs.items():
            absent = self._consumes[by] - self._there.keys()
            product = self.made[by]
            if product is not None and absent and absent <= self._gone.keys() and not self._current(inputs):
                self._withdraw(product, by, aside=True)

    def _current(self, inputs: Mapping[str, int]) -> bool:
        now = {**self._gone, **self._there}
        return all(now.get(name, (0, FED))[0] == version for name, version in inputs.items())

    def _withdraw(self, name: str, maker: str, *, aside: bool = False) -> None:
        waiting: List[Tuple[Optional[str], str]] = [(name, maker)]
        while waiting:
            product, maker = waiting.pop()
            for held in (self._there, self._gone, {} if aside else self._aside):
                if product is not None and held.get(product, (0, FED))[1] == maker:
                    was = held.pop(product)
                    if aside:
                        self._aside[product] = was
                    waiting.extend((self.made.get(taker), taker) for taker in self._takers(product))

    def _put_back(self, name: str, maker: str) -> None:
        """Put back what was set aside and is kept, and what was built from that."""
        waiting = [(name, (self._aside.pop(name)[0], maker))]
        while waiting:
            name, was = waiting.pop()
            (self._gone if name in self._transient else self._there)[name] = was
            for taker in self._takers(name):
                product = self.made.get(taker)
                if product in self._aside and self._current(self._inputs[taker]):
                    waiting.append((str(product), self._aside.pop(str(product))))

    def _takers(self, name: str) -> Iterator[str]:
        return (taker for taker, consumed in self._consumes.items() if name in consumed)
