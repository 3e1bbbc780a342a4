"""`python -m modelway_local.gateway_gaps`: as `modelway_local.gateway`, with moto's gaps filled."""

from __future__ import annotations

from modelway_local.gateway.__main__ import main
from modelway_local.gateway_gaps.gateway import GapGateway

if __name__ == "__main__":
    main(GapGateway)
