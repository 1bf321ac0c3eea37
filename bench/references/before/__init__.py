"""The "before" application: the same work as a usual FastAPI service of a few years' growth does it.

Nothing in it is slow on purpose. It has an ORM session for each request, dependencies with yield, pydantic response
models and a stack of BaseHTTPMiddleware. It has the asynchronous driver, no pre-ping, no totals counted on each page.
"""
