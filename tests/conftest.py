"""Sets up hypothesis (no deadlines on shared machines, the same examples where a gate depends on them), and Ctrl-C."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, Phase, settings

from tests import late_threads

settings.register_profile("desk", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("gate", parent=settings.get_profile("desk"), derandomize=True, database=None)
settings.register_profile("hunt", parent=settings.get_profile("desk"), phases=[Phase.explicit, Phase.generate])
PROFILE = os.environ.get("POLARIS_HYPOTHESIS", "gate" if os.environ.get("CI") else "desk")
settings.load_profile(PROFILE)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so do shells begin what runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

if "POLARIS_LATE" in os.environ:
    late_threads.install(int(os.environ["POLARIS_LATE"]))
