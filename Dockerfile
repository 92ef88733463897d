# One image for server and worker; EXTRAS=postgres alone leaves torch out, which the server does not need.
#   docker build --build-arg EXTRAS=postgres,train --build-arg PIP_ARGS="..." .
# PIP_ARGS chooses a build of torch (CPU or CUDA), see README.
FROM python:3.11-slim AS build
ARG EXTRAS=postgres,train
ARG PIP_ARGS=""
WORKDIR /source
RUN python -m venv /opt/synthgen
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY synthgen synthgen
COPY worker worker
COPY dashboard dashboard
COPY migrations migrations
RUN /opt/synthgen/bin/pip install --no-cache-dir ${PIP_ARGS} -c constraints.txt ".[${EXTRAS}]"

FROM python:3.11-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin synthgen \
    && install --directory --owner=synthgen --mode=0700 /var/lib/synthgen
COPY --from=build /opt/synthgen /opt/synthgen
ENV PATH=/opt/synthgen/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    SYNTHGEN_HOME=/var/lib/synthgen
USER 10001
WORKDIR /tmp
EXPOSE 8765
CMD ["python", "-m", "uvicorn", "dashboard.asgi:app", "--host", "0.0.0.0", "--port", "8765", "--no-access-log", "--timeout-graceful-shutdown", "5"]
