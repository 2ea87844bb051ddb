from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('imagegen', '0003_job_asked_for_again'),
    ]

    operations = [
        migrations.AlterField(
            model_name='providerpause',
            name='reason',
            field=models.CharField(choices=[('no_credit', 'no credit'), ('bad_key', 'bad key'), ('breaker', 'breaker'), ('by_hand', 'by hand')], max_length=20),
        ),
        migrations.AlterField(
            model_name='providerpause',
            name='until',
            field=models.DateTimeField(null=True),
        ),
    ]
