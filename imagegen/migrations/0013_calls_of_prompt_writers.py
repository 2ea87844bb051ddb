from django.conf import settings
from django.db import migrations, models

import imagegen.states


class Migration(migrations.Migration):
    """Let the ledger hold calls of prompt writers: for whom they were made, and which nobody waits for any more."""

    dependencies = [
        ("imagegen", "0012_word_lists_and_styles"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="asked_by",
            field=models.ForeignKey(
                null=True, on_delete=models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AlterField(
            model_name="attempt",
            name="purpose",
            field=models.CharField(
                choices=[("image", "image"), ("prompts", "prompts")],
                default=imagegen.states.Purpose["IMAGE"],
                max_length=20,
            ),
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(
                models.F("sent_at"),
                condition=models.Q(("ended_at", None), ("purpose", imagegen.states.Purpose["PROMPTS"])),
                name="attempt_writing",
            ),
        ),
    ]
