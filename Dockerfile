# The demo as a container: docker build -t heartviz . && docker run -p 7860:7860 --read-only --tmpfs /tmp heartviz
FROM python:3.11-slim

# The address of an index with PyTorch's builds for processors alone makes a much smaller image. Those two
# packages are then pinned by version, all others by hash as well.
ARG TORCH_INDEX=""

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
RUN useradd --create-home --uid 1000 heartviz

COPY requirements.lock ./
RUN if [ -n "$TORCH_INDEX" ]; then \
        pip install --no-deps --index-url "$TORCH_INDEX" $(grep -oE '^(torch|torchvision)==[0-9.]+' requirements.lock) && \
        awk '/^[a-z]/ {skip = /^(cuda|nvidia|torch|torchvision|triton)/} !skip' requirements.lock > chosen.lock; \
    else cp requirements.lock chosen.lock; fi && \
    pip install --no-deps --require-hashes -r chosen.lock && rm chosen.lock

COPY app.py LICENSE README.md ./
COPY heartviz heartviz
COPY weights weights

USER heartviz
# Weights only from the image, so that nothing is fetched; the host and port inside the container.
ENV HEARTVIZ_WEIGHTS=local GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 \
    MPLCONFIGDIR=/tmp/matplotlib
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=180s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/health', timeout=8)"]
CMD ["python", "app.py"]
