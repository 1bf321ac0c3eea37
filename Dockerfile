# The service in one image: `todo serve` unless told otherwise (`docker run IMAGE worker`, `migrate`, `doctor` ...).
#
# builder   installs the locked wheels and compiles the sources; what it needed stays behind
# secrets   a one-shot for docker-compose.yml: makes the secrets of a fresh installation
# (last)    the interpreter, the environment, app, migrations and pyproject.toml; runs as 10001 on a read-only root
#
# BASE_IMAGE names another Python 3.11+ image, e.g. a mirror's or a hardened one. It needs pip in the builder only.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_CACHE_DIR=/pip-cache
RUN python -m venv --without-pip /opt/venv
# Dependencies change rarely and cost most: their layer depends on the lock file alone. Wheels only, so that no package
# runs code of its own while it is installed, and each one has to have the hash that was locked.
COPY requirements/runtime.lock /build/
RUN --mount=type=cache,target=/pip-cache \
    python -m pip --python /opt/venv/bin/python install --require-hashes --only-binary :all: --requirement /build/runtime.lock
# The console script of pyproject.toml, written out: so the sources need no installing, and stay beside their migrations.
# The condition is for uvicorn's worker processes: they import the script that started them, and have to answer their
# supervisor within seconds of their start, before they have imported the service.
RUN printf '%s\n' '#!/opt/venv/bin/python' 'import sys' 'if __name__ == "__main__":' '    from app.cli import main' '    sys.exit(main())' \
    >/opt/venv/bin/todo && chmod 0555 /opt/venv/bin/todo
WORKDIR /srv/todo
COPY pyproject.toml ./
COPY migrations ./migrations
COPY app ./app
# A checkout made under a strict umask is unreadable to others; bytecode is made here because nothing can be written later.
RUN chmod -R a+rX,go-w /srv/todo && python -m compileall -q app migrations

FROM ${BASE_IMAGE} AS secrets
COPY --chmod=0444 deploy/secrets/generate.py /opt/generate.py
# A fresh named volume takes its owner from this directory: so the script needs neither root nor a capability.
RUN install -d -o 10000 -g 10000 -m 0755 /secrets
USER 10000:10000
ENTRYPOINT ["python", "-I", "/opt/generate.py"]

FROM ${BASE_IMAGE}
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /srv/todo /srv/todo
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/srv/todo \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    HOST=0.0.0.0 \
    PORT=8000
# A fresh named volume for the erasure ledger takes its owner from this directory.
RUN install -d -o 10001 -g 10001 -m 0700 /ledger
WORKDIR /srv/todo
# A number, because Kubernetes' runAsNonRoot cannot look a name up.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Liveness only: a container that waits for its database must not be counted as broken. http.client, because urllib would
# ask the proxy that a build farm's HTTP_PROXY names, and because the image has no curl.
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); c.request('GET', '/health/live'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["todo"]
CMD ["serve"]
