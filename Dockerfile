# docker build -t clone-digital .
# docker run --init --stop-timeout 30 -p 127.0.0.1:8080:8080 --env-file .env \
#     -v clone-data:/data -v ./documents:/app/documents:ro clone-digital
# The owner's files are mounted, never built in: an image travels. The persona too:
#     -v ./prompts/persona.toml:/app/prompts/persona.toml:ro
FROM python:3.12-slim

WORKDIR /app
COPY . .

# The same steps as `make install`, without the virtual environment that an image does not need.
RUN python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
        -c constraints.txt --editable '.[postgres]' \
    && python -m compileall -q agent channels knowledge prompts commands app.py \
    && useradd --create-home --uid 10001 clone \
    && install --directory --owner=clone --mode=0700 /data

USER clone
ENV CLONE_HOST=0.0.0.0 CLONE_DATA=/data PORT=8080
VOLUME /data
EXPOSE 8080

HEALTHCHECK --interval=30s --timeout=5s --start-period=15s CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"]

CMD ["clone", "serve"]
