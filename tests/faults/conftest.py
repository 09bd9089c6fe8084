"""Shows what the campaign counted, at the end of a run of the tests."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.faults.campaign import Campaign, extent
from tests.faults.disks import in_memory

CAMPAIGN = pytest.StashKey[Campaign]()


def of(config: pytest.Config) -> Campaign:
    return config.stash.setdefault(CAMPAIGN, Campaign())


def pytest_collection_modifyitems(config: pytest.Config, items: List[pytest.Item]) -> None:
    if extent() < 1:
        controls = [item for item in items if isinstance(item, pytest.Function) and hasattr(item.function, "control")]
        items[:] = [item for item in items if item not in controls]
        config.hook.pytest_deselected(items=controls)


@pytest.fixture(scope="session")
def campaign(pytestconfig: pytest.Config) -> Campaign:
    """What is counted here is shown at the end."""
    return of(pytestconfig)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of recoveries need not tell that they happened."""
    caplog.set_level(logging.ERROR, "polaris_dsl")


@pytest.fixture
def ram(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is such a thing: a kill does not ask what lies under the file system."""
    with in_memory(otherwise=tmp_path) as folder:
        yield folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    campaign = of(config)
    if campaign.rows:
        terminalreporter.section(f"fault campaign, {extent():g} times the short form")
        for line in campaign.table():
            terminalreporter.write_line(line)
