from django.db import migrations, models


class Migration(migrations.Migration):
    """Note which queues a worker listens to: local pictures have workers of their own."""

    dependencies = [("imagegen", "0014_steps_of_a_job")]

    operations = [
        migrations.AddField(model_name="worker", name="queues", field=models.CharField(default="", max_length=200)),
    ]
