"""Sets up hypothesis: no deadlines on shared machines; the same examples where a gate depends on them."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

settings.register_profile("desk", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("gate", parent=settings.get_profile("desk"), derandomize=True, database=None)
settings.register_profile("hunt", parent=settings.get_profile("desk"), phases=[Phase.explicit, Phase.generate])
PROFILE = os.environ.get("POLARIS_HYPOTHESIS", "gate" if os.environ.get("CI") else "desk")
settings.load_profile(PROFILE)
