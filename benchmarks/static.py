"""Times mypy with and without the plugin, cold and warm, in turns: 200 workflows of 20 builders in 400 files.

What is counted is the processor's time, which other work on the machine disturbs least.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Tuple

from report import report

ROOT = Path(__file__).parent.parent
ROUNDS = int(os.environ.get("POLARIS_ROUNDS", "15"))
WORKFLOWS = 200
BUILDERS = 20

CONFIG = """
[mypy]
strict = true
{plugin}
"""
HEAD = """
from __future__ import annotations
import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import List, Optional, Tuple
from polaris_dsl import Access, Context, builder
"""
DATA = """
@dataclass(frozen=True)
class {name}:
    order_id: str
    cents: int
    lines: Tuple[str, ...] = ()
    placed: Optional[datetime.datetime] = None

    def total(self) -> Decimal:
        return Decimal(self.cents) / 100
"""
FUNCTION = """
@builder
def make_{name}({parameters}) -> {name}:
    if not {first}.order_id.strip():
        raise ValueError("an order without an id")
    lines = [line.upper() for line in {first}.lines if line]
    cents = int({first}.total() * 100) + len(lines)
    return {name}({first}.order_id, cents, tuple(lines), placed={first}.placed)
"""
SERVICE = """
class Service{number}:
    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.seen: List[str] = []
{methods}
"""
METHOD = """
    @builder
    def make_{name}(self, {parameters}) -> {name}:
        key = f"{{{first}.order_id}}-{{self.rate}}"
        if key in self.seen:
            raise ValueError(key)
        self.seen.append(key)
        cents = sum(len(line) for line in {first}.lines) * self.rate
        return {name}({first}.order_id, max(cents, {first}.cents), {first}.lines)
"""
FLOW = """
from __future__ import annotations
from builders_{number} import *
from polaris_dsl import Workflow, workflow

def flow_{number}(service: Service{number}) -> Workflow[{target}, {inputs}]:
    return workflow(
        target={target},
        inputs={inputs},
        builders=[{items}],
    )
"""


def write(folder: Path) -> List[str]:
    """Write for each workflow a file of its data and builders, half of them methods, and one that lists them."""
    for number in range(WORKFLOWS):
        names = [f"Data{number}Of{at}" for at in range(BUILDERS + 1)]
        functions, methods, items = [], [], []
        for at in range(1, BUILDERS + 1):
            parameters = [f"first: {names[at - 1]}"]
            if at > 2:  # noqa: PLR2004  the first two have no other data to read
                parameters += [f"second: {names[at - 2]}"]
            if at % 5 == 0:
                parameters += [f"last: Access[{names[at]}]", "context: Context", f"maybe: Optional[{names[0]}] = None"]
            form = FUNCTION if at % 2 else METHOD
            text = form.format(name=names[at], parameters=", ".join(parameters), first="first")
            (functions if at % 2 else methods).append(text)
            items.append(f"make_{names[at]}" if at % 2 else f"service.make_{names[at]}")
        data = [DATA.format(name=name) for name in names]
        service = SERVICE.format(number=number, methods="".join(methods))
        (folder / f"builders_{number}.py").write_text("".join([HEAD, *data, *functions, service]), encoding="utf-8")
        flow = FLOW.format(number=number, target=names[-1], inputs=names[0], items=", ".join(items))
        (folder / f"flow_{number}.py").write_text(flow, encoding="utf-8")
    for name, plugin in (("without", ""), ("with", "plugins = polaris_dsl.mypy")):
        (folder / f"{name}.ini").write_text(CONFIG.format(plugin=plugin), encoding="utf-8")
    return sorted(path.name for path in folder.glob("*.py"))


def seconds(folder: Path, files: List[str], *, config: str, cache: str) -> float:
    """Run mypy, and return the seconds that the processor has worked for it."""
    command = [sys.executable, "-m", "mypy", f"--config-file={config}.ini", f"--cache-dir={cache}", *files]
    library = str(folder / "library")
    environment = {**os.environ, "PYTHONPATH": library, "MYPYPATH": library}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled once, as for users
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=str(folder), env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    taken: Dict[str, List[Tuple[float, float]]] = {"cold": [], "warm": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(str(ROOT / "polaris_dsl"), str(folder / "library" / "polaris_dsl"))  # others may edit it
        files = write(folder)
        for number in range(ROUNDS):
            configs = ["without", "with"] if number % 2 else ["with", "without"]
            for kind in ("cold", *["warm"] * 5):  # what takes little is disturbed much
                took = {one: seconds(folder, files, config=one, cache=f"{one}-{number}") for one in configs}
                taken[kind].append((took["without"], took["with"]))
    report("static", table(taken))


def table(taken: Dict[str, List[Tuple[float, float]]]) -> str:
    lines = [
        f"| {WORKFLOWS} workflows of {BUILDERS} builders, {WORKFLOWS * 2} files | with / without | without | with |",
        "|---|---|---|---|",
    ]
    for kind, pairs in taken.items():
        ratios = sorted(plugged / plain for plain, plugged in pairs)
        plain, plugged = (statistics.median(pair[at] for pair in pairs) for at in (0, 1))
        spread = f"{ratios[len(ratios) // 10]:.2f} to {ratios[-1 - len(ratios) // 10]:.2f}"
        lines.append(f"| {kind} | {statistics.median(ratios):.2f} ({spread}) | {plain:.2f} s | {plugged:.2f} s |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
