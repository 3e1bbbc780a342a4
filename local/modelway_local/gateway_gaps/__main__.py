"""`python -m modelway_local.gateway_gaps`: as `modelway_local.gateway`, with moto's gaps filled."""

from __future__ import annotations

from modelway_local.gateway import __main__ as gateway
from modelway_local.gateway_gaps.gateway import GapGateway

gateway.Gateway = GapGateway  # type: ignore[misc]

if __name__ == "__main__":
    gateway.main()
