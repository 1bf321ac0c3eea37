"""Runs a reference application on this service's HTTP connections, and otherwise as the others: PORT APPLICATION."""

import sys

import uvicorn

from app.http_protocol import BoundedHttp

if __name__ == "__main__":
    uvicorn.run(
        sys.argv[2],
        port=int(sys.argv[1]),
        http=BoundedHttp,
        interface="asgi3",
        loop="uvloop",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
    )
