"""`python -m modelway_local.gateway --home H --port 4566 --moto-url U [--airflow-url U]`."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from modelway_local.gateway.server import Gateway, Server


def main(gateway_type: type[Gateway] = Gateway) -> None:
    """Serve until SIGTERM or SIGINT, then stop the endpoints' servers and the functions' processes."""
    parser = argparse.ArgumentParser(prog="modelway_local.gateway", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of the local stack's state")
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--moto-url", required=True, help="address of the moto server")
    parser.add_argument("--airflow-url", default="", help="address of Airflow; without it, airflow_url of stack.json")
    args = parser.parse_args()
    home = args.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    gateway = gateway_type(home, args.port, args.moto_url.rstrip("/"), args.airflow_url)
    server = Server(args.port, gateway)
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for serve_forever(), which runs in this very thread.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
        gateway.close()


if __name__ == "__main__":
    main()
