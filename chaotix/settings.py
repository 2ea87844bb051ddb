"""Settings: what the environment says, with defaults that work on one machine with no key and no service.

Every name is explained in `.env.example`.
"""

import hashlib
import math
import os
import re
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from redis.backoff import NoBackoff
from redis.retry import Retry
from servestatic.compress import Compressor

from chaotix import api, env, image_providers, prompt_writers

env.load_file()

BASE_DIR = env.BASE_DIR
DATA_DIR = env.folder("DATA_DIR", "var")
MEDIA_ROOT = env.folder("MEDIA_ROOT", "media")

# --- Where it is served -------------------------------------------------------------------------------------------

LOOPBACK = ("127.0.0.1", "localhost", "::1")

DEBUG = env.boolean("DEBUG", False)
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, least=1, most=65535)
PUBLIC_URL = env.text("PUBLIC_URL").rstrip("/")
try:
    PUBLIC = urlsplit(PUBLIC_URL)
except ValueError as error:
    raise env.BadSetting(f"PUBLIC_URL={PUBLIC_URL} is not an address ({error})") from error
if PUBLIC_URL and (PUBLIC.scheme not in ("http", "https") or not PUBLIC.hostname):
    raise env.BadSetting(f"PUBLIC_URL={PUBLIC_URL} is not an address like https://pictures.example.org")

SECRET_KEY = env.secret("SECRET_KEY") or env.kept_secret(DATA_DIR / "secret_key")
ALLOWED_HOSTS = [*env.listing("ALLOWED_HOSTS"), "127.0.0.1", "localhost", "[::1]"]
if PUBLIC.hostname:
    ALLOWED_HOSTS.append(PUBLIC.hostname)

# Without a name and a password between it and the money, an installation that others can reach must say so itself.
if HOST not in LOOPBACK and not env.text("ANONYMOUS_ACCESS"):
    raise env.BadSetting(
        f"HOST={HOST} can be reached from other machines: set ANONYMOUS_ACCESS to open (anybody may spend your money), "
        "read or closed"
    )
ANONYMOUS_ACCESS = env.choice("ANONYMOUS_ACCESS", "open", ("open", "read", "closed"))

# --- Django -------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "imagegen.apps.Operators",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "knox",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "imagegen",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "imagegen.web.static_files.static_files",
    "imagegen.web.body_limit.ChunkedLength",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "imagegen.api.bearer.bearer",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "imagegen.web.refusals.NotAllowedPage",
    "imagegen.web.refusals.BrokerAwayPage",
]
ROOT_URLCONF = "chaotix.urls"
ASGI_APPLICATION = "chaotix.asgi.application"
WSGI_APPLICATION = "chaotix.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "imagegen.web.context.brake",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
LOGIN_URL, LOGIN_REDIRECT_URL = "account_login", "compose"
KNOX_TOKEN_MODEL = "imagegen.ApiToken"
# It has no table of its own where the model is ours.
MIGRATION_MODULES = {"knox": None}
# Whether people make accounts themselves. Where not everybody may spend, whoever runs this says who may.
SIGN_UP = env.choice("SIGN_UP", "open" if ANONYMOUS_ACCESS == "open" else "closed", ("open", "closed"))
ACCOUNT_ADAPTER = "imagegen.web.sign_up.Adapter"
# Without a server no mail is sent, and nobody is asked for an address: `manage.py reset_link` helps who forgot a password.
_mail = env.mail_server("EMAIL_URL")
CAN_SEND_MAIL = _mail is not None
if _mail:
    EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_SSL, EMAIL_USE_TLS = _mail
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("EMAIL_FROM", f"chaotix@{PUBLIC.hostname or 'localhost'}")
ACCOUNT_SIGNUP_FIELDS = ["username*", *(["email"] if CAN_SEND_MAIL else []), "password1*", "password2*"]
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "optional" if CAN_SEND_MAIL else "none"
# Who gets hold of a session gets no further: a new address is where passwords are reset.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_NOTIFICATIONS = CAN_SEND_MAIL
ACCOUNT_LOGOUT_REDIRECT_URL = "compose"
MFA_ADAPTER = "imagegen.web.two_factor.Adapter"
MFA_TOTP_ISSUER = "Chaotix"
# One signs in by a name, so an address that is somebody else's takes nothing from them.
MFA_ALLOW_UNVERIFIED_EMAIL = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False
FORMAT_MODULE_PATH = "chaotix.formats"
APPEND_SLASH = False

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
MEDIA_URL = "/media/"
S3_BUCKET, S3_ENDPOINT = env.text("S3_BUCKET"), env.text("S3_ENDPOINT")
S3_REGION = env.text("S3_REGION", "us-east-1")
S3_DELIVERY = env.choice("S3_DELIVERY", "proxied", ("proxied", "presigned"))
PRESIGNED_SECONDS = 3600 if S3_BUCKET and S3_DELIVERY == "presigned" else 0


def _pictures() -> dict[str, Any]:
    """Return where pictures are kept: in a folder, or in a bucket where one is named."""
    if not S3_BUCKET:
        return {"BACKEND": "imagegen.storage.DurableFileSystemStorage"}
    options = {
        "bucket_name": S3_BUCKET,
        "endpoint_url": S3_ENDPOINT or None,
        "region_name": S3_REGION,
        "access_key": env.secret("S3_ACCESS_KEY_ID") or None,
        "secret_key": env.secret("S3_SECRET_ACCESS_KEY") or None,
        "location": env.text("S3_FOLDER"),
        "querystring_expire": PRESIGNED_SECONDS or 3600,
        "threads": 32,
    }
    return {"BACKEND": "imagegen.s3.BucketStorage", "OPTIONS": options}


def _bucket_origin() -> str:
    """Return where a browser is sent for a presigned picture: the page has to allow it."""
    if not S3_ENDPOINT:
        return f"https://{S3_BUCKET}.s3.{S3_REGION}.amazonaws.com https://{S3_BUCKET}.s3.amazonaws.com"
    endpoint = urlsplit(S3_ENDPOINT)
    return f"{endpoint.scheme}://{endpoint.netloc}"


STORAGES = {
    "default": _pictures(),
    "staticfiles": {"BACKEND": "imagegen.storage.HashedStaticFiles"},
}
# Without collectstatic, as under runserver, files are found in the apps and served without a hash in their names.
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_MANIFEST_STRICT = False
# What only developers of Swagger's page load is not worth a second of every start.
SERVESTATIC_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")
# Large submissions are refused before Django reads them (imagegen.web.body_limit); this is the same figure for forms.
MAX_BODY_BYTES = 10 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES

REST_FRAMEWORK, SPECTACULAR_SETTINGS = api.FRAMEWORK, api.SCHEMA

# --- Security -----------------------------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        # Pages name pictures by their complete address, whatever name the page itself was opened under.
        "img-src": [
            SELF,
            *([f"{PUBLIC.scheme}://{PUBLIC.netloc}"] if PUBLIC_URL else []),
            *(_bucket_origin().split() if PRESIGNED_SECONDS else []),
        ],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
_https = PUBLIC.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_REDIRECT_EXEMPT = [r"^healthz/?$", r"^readyz/?$"]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
# A proxy that ends TLS must set this header itself, and must not pass on a client's own.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None

# --- Database -----------------------------------------------------------------------------------------------------

DATABASE_URL = env.secret("DATABASE_URL") or f"sqlite:///{DATA_DIR / 'chaotix.sqlite3'}"
try:
    _database: dict[str, Any] = dict(dj_database_url.parse(DATABASE_URL))
except ValueError as error:
    raise env.BadSetting(f"DATABASE_URL is not an address like postgres://user:password@host/name ({error})") from error
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # With SQLite's defaults 481 of 800 writes from 16 threads were lost; with these, none.
    _database["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    # A process lends its connections to its threads, and finds out before it lends one that the server has closed it.
    _pool = {"min_size": 0, "max_size": env.integer("DATABASE_POOL", 10, least=2), "timeout": 5}
    _database["CONN_HEALTH_CHECKS"] = True
    # Nothing here takes long: what does is stuck, and holds up others.
    _patience = "-c statement_timeout=60s -c lock_timeout=20s -c idle_in_transaction_session_timeout=60s"
    _database["OPTIONS"] = {"connect_timeout": 5, "pool": _pool, "options": _patience, **_database.get("OPTIONS", {})}
DATABASES = {"default": _database}

# --- Broker -------------------------------------------------------------------------------------------------------


def _broker_socket() -> Path:
    """Return where the product's own broker listens: in DATA_DIR, or a private folder where that path is too long.

    A Unix socket's path may have 107 bytes on Linux and 103 on macOS.
    """
    path = DATA_DIR / "broker" / "valkey.sock"
    if len(os.fsencode(path)) <= 103:
        return path
    digest = hashlib.sha256(os.fsencode(DATA_DIR)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"chaotix-{os.getuid()}-{digest}" / "valkey.sock"


BROKER_SOCKET = _broker_socket()
OWN_BROKER = not env.secret("REDIS_URL")
REDIS_URL = env.secret("REDIS_URL") or f"unix://{BROKER_SOCKET}?db=0"
if not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise env.BadSetting("REDIS_URL does not start with redis://, rediss:// or unix://")
REDIS_PREFIX = env.text("REDIS_PREFIX", "chaotix")
if not re.fullmatch(r"[\w.-]+", REDIS_PREFIX, re.ASCII):
    raise env.BadSetting(f"REDIS_PREFIX={REDIS_PREFIX} has more in it than letters, digits, dots, hyphens and underscores")

# Codes that were used, and how often somebody tried to sign in: whichever process is asked must know.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": f"{REDIS_PREFIX}:cache",
        # Whoever waits for a page is told at once that it cannot be had.
        "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 5, "retry": Retry(NoBackoff(), retries=0)},
    }
}

WORKER_PROCESSES = env.integer("WORKER_PROCESSES", min(os.cpu_count() or 1, 2), least=0, most=64)


def _enough_threads() -> int:
    """Return how many calls at once a process needs so that all reach the provider's limit; without one they share 100.

    A picture takes some seconds to draw, often eight.
    """
    calls, seconds = image_providers.stability_rate()
    all_threads = math.ceil(calls / seconds * 8) or 100
    return min(max(math.ceil(all_threads / max(WORKER_PROCESSES, 1)), 8), 100)


WORKER_CONCURRENCY = env.integer("WORKER_CONCURRENCY", _enough_threads(), least=1, most=1000)


def _broker_url() -> str:
    """Return the same address as Celery spells it."""
    if REDIS_URL.startswith("rediss://") and "ssl_cert_reqs=" not in REDIS_URL:
        # Celery would believe any certificate.
        return f"{REDIS_URL}{'&' if '?' in REDIS_URL else '?'}ssl_cert_reqs=required"
    return REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")


# The devices of this machine that draw, one worker process for each; none where no model of this machine is named.
LOCAL_DEVICES = env.listing("DIFFUSERS_DEVICES") or [env.text("DIFFUSERS_DEVICE")]
if not (env.text("DIFFUSERS_MODEL") or env.text("HF_TEXT_FOLDER")):
    LOCAL_DEVICES = []
# While one batch is drawn, the next one is claimed and the last one stored.
LOCAL_CONCURRENCY = 2 * image_providers.local_batch()

CELERY_BROKER_URL = _broker_url()
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A message is a hint, and one that gets lost is given again by the sweep: kombu need not write down in Redis who has
    # which, which is half of what a message costs a worker. What a stopping worker has not begun it puts back all the same.
    "ack_emulation": False,
    "global_keyprefix": f"{REDIS_PREFIX}:",
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    "max_connections": WORKER_CONCURRENCY + 20,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_DEFAULT_QUEUE = "hints"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = WORKER_CONCURRENCY
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# After a lost connection all threads go on; Celery would begin with fewer, and some would stay away for good.
CELERY_WORKER_ENABLE_PREFETCH_COUNT_REDUCTION = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False

# --- Pictures and money -------------------------------------------------------------------------------------------

MAX_PROMPTS = env.integer("MAX_PROMPTS", 1000, least=1)
LEASE_SECONDS = env.number("LEASE_SECONDS", 30, least=1)
SWEEP_SECONDS = env.number("SWEEP_SECONDS", 5, least=0.1)
STOP_SECONDS = env.number("STOP_SECONDS", 10, least=0)
MAX_PAID_ATTEMPTS = env.integer("MAX_PAID_ATTEMPTS", 2, least=1)
_limit = env.text("MAX_PAID_CALLS_PER_DAY")
MAX_PAID_CALLS_PER_DAY = env.integer("MAX_PAID_CALLS_PER_DAY", 0, least=0) if _limit else None
REST_SECONDS = 60.0
ON_UNKNOWN = env.choice("ON_UNKNOWN", "hold", ("hold", "retry"))

IMAGE_PROVIDERS = image_providers.entries()
# Only a key of its own makes a provider the default: others' keys lie about on many machines, for other programs.
DEFAULT_PROVIDER = env.choice(
    "DEFAULT_PROVIDER",
    "stability" if env.secret("STABILITY_API_KEY") else "diffusers" if "diffusers" in IMAGE_PROVIDERS else "demo",
    tuple(IMAGE_PROVIDERS),
)
# Who takes over, one after the other, from a provider that surely made nothing and cannot for now.
FALLBACK_CHAIN = env.listing("FALLBACK_CHAIN")

PROMPT_WRITERS = prompt_writers.entries()
DEFAULT_WRITER = env.choice("DEFAULT_WRITER", "words", tuple(PROMPT_WRITERS))

METRICS_TOKEN = env.secret("METRICS_TOKEN")

# --- Log ----------------------------------------------------------------------------------------------------------

# Whether lines about calls say what was asked for.
LOG_PROMPTS = env.boolean("LOG_PROMPTS", False)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
        "json": {"()": "imagegen.logs.JsonFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": env.choice("LOG_FORMAT", "line", ("line", "json"))},
    },
    # The web server comes with handlers of its own, and with lines about requests in which a prompt may stand.
    "loggers": {
        "uvicorn": {"handlers": []},
        "uvicorn.access": {"handlers": [], "propagate": False},
        # It says once a second what whoever wants a connection says anyway.
        "psycopg.pool": {"level": "ERROR"},
    },
    "root": {
        "handlers": ["stderr"],
        "level": env.choice("LOG_LEVEL", "WARNING", ("DEBUG", "INFO", "WARNING", "ERROR")),
    },
}
