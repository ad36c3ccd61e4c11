# One image for every task: the command line, the library, kfp's executor, and Python's packages exactly as uv.lock
# has them. Build it with `make image`; docs/reference/image.md describes the arguments and what takes the space.
#
# BASE_IMAGE is Debian-like with Python 3.11 to 3.13 as `python3`; pin yours by digest. All stages stand on it, as the
# virtual environment refers to its interpreter. CUDA's libraries come with torch's packages, so a plain Python image
# serves GPUs too: the driver is the node's.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS lock
WORKDIR /lock
COPY pyproject.toml uv.lock ./
# Only what names packages: a changed setting of a linter must not install them all again.
RUN sed --in-place '/^\[tool/,$d' pyproject.toml

FROM ${BASE_IMAGE} AS dependencies
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ARG UV_VERSION=0.13.9
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir "uv==${UV_VERSION}"
# cpu or cuda.
ARG ACCELERATOR=cpu
# Package index with CPU builds of torch; without one the CPU image has the build of the lock, with CUDA's libraries.
ARG TORCH_INDEX=
# UV_SYSTEM_CERTS: whom the base image trusts; networks with an authority of their own have it there.
# DS_BUILD_OPS: DeepSpeed compiles none of its operators, here or later; there is no compiler in the image.
ENV PATH=$PATH:/opt/uv/bin \
    DS_BUILD_OPS=0 \
    UV_CACHE_DIR=/var/cache/uv \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/venv \
    UV_PYTHON_DOWNLOADS=never \
    UV_SYSTEM_CERTS=1
WORKDIR /opt/gmlm
# The layer of the dependencies changes with the lock only, however often the source does.
COPY --from=lock /lock ./
COPY scripts/image-dependencies scripts/
RUN --mount=type=cache,target=/var/cache/uv scripts/image-dependencies "${ACCELERATOR}" "${TORCH_INDEX}"

FROM dependencies AS source
COPY gmlm gmlm
COPY components components
COPY pipelines pipelines
COPY LICENSE ./
RUN python3 -m compileall -q gmlm components pipelines && rm -r scripts && chmod -R g=u /opt/gmlm

FROM ${BASE_IMAGE}
# tini hands SIGTERM on, also before Python has a handler, and reaps what torchrun leaves behind.
# hadolint ignore=DL3008
RUN command -v tini || { apt-get update && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*; }
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=source /opt/gmlm /opt/gmlm
# All that is written goes to /tmp or a volume: the root may be read-only, and any user id will do. Models come from
# the store or a volume, never from the Hub, unless HF_HUB_OFFLINE=0 says so.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    USER=gmlm \
    XDG_CACHE_HOME=/tmp/cache \
    HF_HOME=/tmp/huggingface \
    HF_HUB_OFFLINE=1 \
    HF_HUB_DISABLE_TELEMETRY=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    TORCH_EXTENSIONS_DIR=/tmp/torch-extensions \
    TRITON_CACHE_DIR=/tmp/triton \
    DS_BUILD_OPS=0 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
ARG ACCELERATOR=cpu
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="gmlm" \
      org.opencontainers.image.description="German medical language models: corpora, translation, pre-training, evaluation" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      gmlm.accelerator="${ACCELERATOR}"
# Group 0 has the rights of the owner, so that a platform may choose the user id.
USER 1001:0
WORKDIR /work
ENTRYPOINT ["tini", "--", "python", "-m", "gmlm"]
CMD ["--help"]
