# syntax=docker/dockerfile:1
# The workers and the emulator: one image, without Envoy (that is the official envoyproxy/envoy image beside it).
#
# The base is a tag so that this file builds anywhere and gets security fixes. A release pins it by digest:
#   docker buildx imagetools inspect python:3.13-slim-bookworm --format '{{.Manifest.Digest}}'
#   docker build --build-arg PYTHON_IMAGE=python:3.13-slim-bookworm@<that digest> .
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CACHE_DIR=/var/cache/pip PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# Every file that could be installed is fetched once and held against the lock's hashes; after this step nothing is fetched.
COPY requirements.lock ./
RUN --mount=type=cache,target=/var/cache/pip \
    pip download --require-hashes --only-binary :all: --dest /wheels --requirement requirements.lock
ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels
COPY pyproject.toml README.md LICENSE ./
COPY envoy/attempt.lua envoy/enclose.lua envoy/first_content.lua envoy/
COPY extproc extproc
# Of all those files /app gets what kt-gateway itself depends on, and no pip.
RUN pip wheel --no-deps --wheel-dir /wheels . \
    && python -m venv --without-pip /app \
    && pip --python /app/bin/python install --compile kt-gateway

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="kt-gateway" \
      org.opencontainers.image.description="OpenAI-compatible gateway for AWS SageMaker: the external processor for Envoy" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /app /app
# Audit segments and the workers' common secret are the only files a worker writes; volumes here inherit the owner.
RUN install -d -o 65532 -g 65532 -m 0750 /var/lib/kt/audit /var/lib/kt/tickets /var/lib/kt/observations
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /var/lib/kt
EXPOSE 50051
# `kt extproc serve` takes SIGTERM as: finish what is open, take nothing new.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=1s --retries=3 \
    CMD ["kt", "healthcheck", "--grpc", "127.0.0.1:50051"]
ENTRYPOINT ["kt"]
CMD ["extproc", "serve", "--listen", "0.0.0.0:50051", "--policy-config", "/etc/kt/policy-config.yaml"]
