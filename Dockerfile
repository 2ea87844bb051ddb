# One image for web and worker: docker-compose.yml says which of them a container is.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY . .

# Pictures, answers in flight and the secret live in one volume, owned by a user who can do nothing else.
RUN useradd --system --uid 10001 --home-dir /data chaotix \
    && install --directory --owner=chaotix --mode=0700 /data /data/var /data/media
USER chaotix
VOLUME /data

ENV DATA_DIR=/data/var \
    MEDIA_ROOT=/data/media \
    HOST=0.0.0.0 \
    PORT=8000
EXPOSE 8000
CMD ["python", "manage.py", "up"]
