from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('imagegen', '0001_rows_of_the_main_job'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='job',
            name='job_undecoded',
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(models.F('ended_at'), condition=models.Q(('defect', ''), ('thumbnail', ''), models.Q(('picture', ''), _negated=True)), name='job_undecoded'),
        ),
    ]
