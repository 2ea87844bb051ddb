"""What Django's admin shows: the pages of operators."""

from allauth.mfa.models import Authenticator
from django.contrib import admin

from imagegen.models import ApiToken, Batch, ProviderPause
from imagegen.operators import attempts, batches, jobs, providers, tokens, workers  # noqa: F401  (each registers itself)

# What several of them are called, where Django would only add an s, or where the list has more in it than rows.
for _model, _name in ((Batch, "batches"), (ApiToken, "API tokens"), (ProviderPause, "providers")):
    _model._meta.verbose_name_plural = _name

# What second factors keep secret is nobody's to read: `manage.py reset_link --without-two-factor` helps who lost a phone.
admin.site.unregister(Authenticator)
