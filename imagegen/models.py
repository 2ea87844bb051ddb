"""The rows: what was asked, what became of it, and every call that may have cost money.

State changes are made in lifecycle.py, attempts are written in ledger.py, and nowhere else.
"""

import uuid
from enum import StrEnum

from django.conf import settings
from django.db import models
from django.utils import timezone
from knox.models import AbstractAuthToken

from imagegen.states import Charged, PauseReason, Purpose, State, Visibility


def _choices(words: type[StrEnum]) -> list[tuple[str, str]]:
    return [(word.value, word.value.replace("_", " ")) for word in words]


# The order of lists of pictures.
NEWEST = (models.F("created").desc(), models.F("id").desc())
# The condition on jobs whose pictures everybody may see.
PUBLISHED = models.Q(visibility=Visibility.PUBLIC, deleted_at=None) & ~models.Q(picture="")

# The condition on jobs whose pictures have no listing yet.
TO_LIST = models.Q(place=None, deleted_at=None) & ~models.Q(picture="")


class Batch(models.Model):
    """One submission. `scope` and `key` make its idempotency: one key of one owner stands for one batch.

    `visibility` is about the batch as a whole, and what its jobs begin with; each job has its own (sharing.py).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="batches")
    source = models.CharField(max_length=40)
    name = models.CharField(max_length=200, blank=True)
    visibility = models.CharField(max_length=10, choices=_choices(Visibility), default=Visibility.PRIVATE)
    # Not null on purpose: SQLite ignores nulls_distinct=False. A batch that came without a key has its own id as key.
    scope = models.CharField(max_length=40)
    key = models.CharField(max_length=300)
    digest = models.CharField(max_length=64)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint("scope", "key", name="one_batch_per_key"),)

    def __str__(self) -> str:
        return f"{self.name or self.source} {self.id}"


class Job(models.Model):
    """One picture to make; its id is the Celery task's id and the public id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="jobs")
    position = models.PositiveIntegerField()
    # Whose it is, which never changes: the batch's, kept here so that millions of pictures can be looked through.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )

    # Who else may see it, and since when it lies in the trash. Written by sharing.py alone.
    visibility = models.CharField(max_length=10, choices=_choices(Visibility), default=Visibility.PRIVATE)
    deleted_at = models.DateTimeField(null=True)
    # The key of its listing, by which searches find it; without one they look at the job. Written by listings.py alone.
    place = models.BigIntegerField(null=True)

    # What was asked. Absent options are empty; `size` is "WIDTHxHEIGHT" in pixels, `aspect_ratio` "W:H".
    prompt = models.TextField()
    # What its owner calls it.
    name = models.CharField(max_length=200, blank=True)
    negative_prompt = models.TextField(blank=True)
    provider = models.CharField(max_length=60)
    model = models.CharField(max_length=200)
    size = models.CharField(max_length=20, blank=True)
    aspect_ratio = models.CharField(max_length=20, blank=True)
    style = models.CharField(max_length=60, blank=True)
    quality = models.CharField(max_length=20, blank=True)
    seed = models.PositiveBigIntegerField(null=True)
    # How the prompt came about, where it is not as somebody typed it: template, seed, choices, style (recipes.py).
    recipe = models.JSONField(default=dict, blank=True)
    # Who was asked first, where another provider took over because that one could not (fallback.py); else empty.
    moved_from = models.CharField(max_length=60, blank=True)

    # Where it is. `error_sentence` is for people; `not_before` holds back the next try; `hinted_at` is when a worker was
    # last told.
    state = models.CharField(max_length=10, choices=_choices(State), default=State.QUEUED)
    error_code = models.CharField(max_length=40, blank=True)
    error_sentence = models.TextField(blank=True)
    created = models.DateTimeField(default=timezone.now)
    # When anything that people see last changed: the version of its card.
    changed = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    hinted_at = models.DateTimeField(null=True)
    cancel_requested = models.BooleanField(default=False)
    # Whether its owner lets it wait: no call begins for it until they say so.
    is_held = models.BooleanField(default=False)
    # Who comes first, among the waiting jobs of a provider: the lowest (lanes.py).
    turn = models.PositiveBigIntegerField(default=0)

    # How far it is, where its provider draws here, step by step: so many of so many steps of the last claim.
    step = models.PositiveIntegerField(default=0)
    steps = models.PositiveIntegerField(default=0)

    # Who works on it. Every claim raises `fence`, and a write that carries an older one is refused.
    fence = models.PositiveIntegerField(default=0)
    worker = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    # How many paid calls it may have in all; a person or a policy raises it.
    may_pay = models.PositiveIntegerField(default=1)
    # The fence at which it was asked for again: failures up to there no longer count.
    tries_from = models.PositiveIntegerField(default=0)

    # What came out. `picture` and `thumbnail` are names in the storage; `actual_seed` is what the provider says.
    picture = models.CharField(max_length=200, blank=True)
    thumbnail = models.CharField(max_length=200, blank=True)
    content_type = models.CharField(max_length=40, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    bytes = models.PositiveBigIntegerField(null=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    actual_seed = models.PositiveBigIntegerField(null=True)
    defect = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint("batch", "position", name="one_job_per_position"),)
        indexes = (
            # What the sweep reads: jobs that wait for a provider, in their order.
            models.Index(
                "provider", "turn", "created", "position", name="job_waiting", condition=models.Q(state=State.QUEUED)
            ),
            # What the gallery shows, what everybody's history does, and what a search looks through: the newest first.
            models.Index(*NEWEST, name="job_public", condition=PUBLISHED),
            models.Index("owner", *NEWEST, name="job_history"),
            models.Index(*NEWEST, name="job_newest"),
            # What searches look through besides the listings, and of that the pictures that need one.
            models.Index("place", "owner", *NEWEST, name="job_unlisted", condition=models.Q(place=None, deleted_at=None)),
            models.Index("place", "ended_at", name="job_to_list", condition=TO_LIST),
            # What the trash holds, and what has lain there too long.
            models.Index(
                "owner",
                models.F("deleted_at").desc(),
                models.F("id").desc(),
                name="job_trash",
                condition=models.Q(deleted_at__isnull=False),
            ),
            models.Index("deleted_at", name="job_deleted", condition=models.Q(deleted_at__isnull=False)),
            # What recovery reads: leases that ran out.
            models.Index("lease_until", name="job_leased", condition=models.Q(state=State.RUNNING)),
            # What the thumbnailer reads: pictures that were not decoded yet.
            models.Index(
                "ended_at", name="job_undecoded", condition=models.Q(thumbnail="", defect="") & ~models.Q(picture="")
            ),
        )

    def __str__(self) -> str:
        return f"{self.state} {self.id}"

    @property
    def seed_used(self) -> int | None:
        """The seed that makes this picture: what the provider says, or else what it was asked for."""
        return self.seed if self.actual_seed is None else self.actual_seed

    @property
    def style_asked(self) -> str:
        """The name of the saved style that was asked for, or the provider's own."""
        return str(self.recipe.get("style", {}).get("name", "")) or self.style


class Listing(models.Model):
    """What searches read of a picture, in a row that is a tenth of its job's. Written by listings.py alone.

    Nothing of it changes but who may see it; the database keeps an index of its words.
    """

    # The key is the order, the later asked for the greater, and always given: SQLite keeps rows by automatic keys alone.
    place = models.BigAutoField(primary_key=True)
    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="listing")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    visibility = models.CharField(max_length=10, choices=_choices(Visibility))
    state = models.CharField(max_length=10, choices=_choices(State))
    provider = models.CharField(max_length=60)
    model = models.CharField(max_length=200)
    # As it was asked for: a saved one has the name that it had then.
    style = models.CharField(max_length=60, blank=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    # Those of the prompt, each once, with spaces between them.
    words = models.TextField()

    class Meta:
        indexes = (
            models.Index("owner", models.F("place").desc(), name="listing_history"),
            models.Index(models.F("place").desc(), name="listing_public", condition=models.Q(visibility=Visibility.PUBLIC)),
        )

    def __str__(self) -> str:
        return str(self.job_id)


class Mark(models.Model):
    """What one person thinks of a picture, which is nobody else's business. Written by marks.py alone."""

    # Whose it is, as on Batch.
    scope = models.CharField(max_length=40)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="marks")
    is_favourite = models.BooleanField(default=False)
    # Of five stars; 0 where there is no rating.
    rating = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint("scope", "job", name="one_mark_per_person"),)

    def __str__(self) -> str:
        return f"{self.rating} of 5 {self.job_id}"


class Tag(models.Model):
    """A word that one person puts to a picture, to find it again. Written by marks.py alone."""

    scope = models.CharField(max_length=40)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=40)

    class Meta:
        constraints = (models.UniqueConstraint("scope", "name", "job", name="one_tag_per_name"),)

    def __str__(self) -> str:
        return self.name


class Attempt(models.Model):
    """The ledger: one call that may cost money, written down before its first byte is sent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="attempts")
    purpose = models.CharField(max_length=20, choices=_choices(Purpose), default=Purpose.IMAGE)
    # Who asked for a call that has no job.
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    provider = models.CharField(max_length=60)
    model = models.CharField(max_length=200)
    fence = models.PositiveIntegerField()
    worker = models.UUIDField()
    machine = models.UUIDField()
    sent_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    # Empty while the call is open, then "succeeded" or the code of the error that ended it.
    outcome = models.CharField(max_length=40, blank=True)
    http_status = models.PositiveIntegerField(null=True)
    request_id = models.CharField(max_length=200, blank=True)
    handle = models.TextField(blank=True)
    charged = models.CharField(max_length=10, choices=_choices(Charged), default=Charged.UNKNOWN)
    # None where the price is not known; never 0 for that.
    amount = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    unit = models.CharField(max_length=20, blank=True)
    # What the provider says was used up, such as tokens.
    usage = models.JSONField(default=dict, blank=True)
    bytes = models.PositiveBigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint("job", "fence", name="one_attempt_per_claim"),
            models.UniqueConstraint("job", condition=models.Q(ended_at=None), name="one_open_attempt_per_job"),
        )
        # What the daily limit counts.
        indexes = (
            models.Index("sent_at", name="attempt_sent"),
            # What the breaker counts.
            models.Index("provider", "ended_at", name="attempt_ended"),
            # Prompt writers' calls that may be forgotten.
            models.Index("sent_at", name="attempt_writing", condition=models.Q(purpose=Purpose.PROMPTS, ended_at=None)),
        )

    def __str__(self) -> str:
        return f"{self.outcome or 'open'} {self.id}"


class ProviderPause(models.Model):
    """Why every job of a provider waits, and from when on one of them may try it. Written by pauses.py alone.

    `until` is None until somebody resumes it by hand.
    """

    # The empty name stands for all providers.
    provider = models.CharField(max_length=60, primary_key=True)
    reason = models.CharField(max_length=20, choices=_choices(PauseReason))
    sentence = models.TextField()
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)
    # The job that tries it now, how long it rests (in first rests), and how many trials went well in a row.
    trial = models.UUIDField(null=True)
    rests = models.PositiveIntegerField(default=1)
    successes = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.provider or 'everything'}: {self.reason}"


class WordList(models.Model):
    """Lines that templates take one of: `__name__`. Written by library.py alone."""

    # Whose it is, as on Batch, or library.SHARED.
    scope = models.CharField(max_length=40)
    name = models.CharField(max_length=60)
    text = models.TextField()

    class Meta:
        constraints = (models.UniqueConstraint("scope", "name", name="one_list_per_name"),)

    def __str__(self) -> str:
        return self.name


class Style(models.Model):
    """Words that are added to prompts by one name. Written by library.py alone."""

    scope = models.CharField(max_length=40)
    name = models.CharField(max_length=60)
    suffix = models.TextField(blank=True)
    negative_prompt = models.TextField(blank=True)
    # The word of providers that have such a style themselves; empty where there is none.
    preset = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint("scope", "name", name="one_style_per_name"),)

    def __str__(self) -> str:
        return self.name


class DefaultChoices(models.Model):
    """What a person's new forms begin with, whatever was chosen last; without a row, what this browser chose last.

    Absent choices are empty: the usual. Written by defaults.py alone.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+")
    provider = models.CharField(max_length=60, blank=True)
    model = models.CharField(max_length=200, blank=True)
    # As the form takes it: pixels or a ratio.
    size = models.CharField(max_length=20, blank=True)
    style = models.CharField(max_length=60, blank=True)
    quality = models.CharField(max_length=20, blank=True)
    n = models.PositiveIntegerField(default=1)
    visibility = models.CharField(max_length=10, choices=_choices(Visibility), default=Visibility.PRIVATE)

    def __str__(self) -> str:
        return f"defaults of {self.user_id}"


class ApiToken(AbstractAuthToken):  # type: ignore[misc]
    """What a person's program shows to act in their name; only the digest of it is kept."""

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return f"{self.token_key}… {self.name}"


class Worker(models.Model):
    """One worker process; a row whose heartbeat is old is a process that is gone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    machine = models.UUIDField(db_index=True)
    threads = models.PositiveIntegerField()
    # The names of the queues that it listens to, with commas between them.
    queues = models.CharField(max_length=200, default="")
    heartbeat = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.threads} threads {self.id}"
