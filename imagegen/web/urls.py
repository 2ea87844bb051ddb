"""The addresses of the pages."""

from allauth.account import views
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django.urls import path, re_path
from django.views.decorators.cache import never_cache
from django.views.generic import RedirectView

from imagegen.addresses import UUID
from imagegen.web import (
    account,
    compose,
    decide,
    first_run,
    image,
    library,
    live,
    mail,
    marks,
    media,
    metrics,
    pages,
    pictures,
    sharing,
    spending,
)
from imagegen.web.in_person import in_person

urlpatterns = [
    path("", compose.compose, name="compose"),
    path("random", compose.draw_by_chance, name="random"),
    path("gallery", pictures.public, name="gallery"),
    path("history", pictures.mine, name="history"),
    path("history/selection", sharing.on_selection, name="selection"),
    path("trash", sharing.trash, name="trash"),
    path("library", library.shelf, name="library"),
    re_path(r"^library/(?P<kind>list|style)$", library.edit, name="library-new"),
    re_path(r"^library/(?P<kind>list|style)/(?P<name>[^?]+)$", library.edit, name="library-edit"),
    path("batches/<uuid:batch_id>", pages.batch, name="batch"),
    re_path(
        rf"^batches/(?P<batch_id>{UUID})/(?P<decision>cancel|retry|pause|resume)$", decide.on_batch, name="decide-batch"
    ),
    re_path(rf"^jobs/(?P<job_id>{UUID})/(?P<decision>cancel|retry|buy-again)$", decide.on_job, name="decide-job"),
    re_path(rf"^images/(?P<job_id>{UUID})$", image.image, name="image"),
    re_path(rf"^images/(?P<job_id>{UUID})/(?P<form>file|plain)$", image.download, name="image-download"),
    re_path(rf"^images/(?P<job_id>{UUID})/(?P<way>again|vary)$", image.more, name="image-more"),
    re_path(
        rf"^images/(?P<job_id>{UUID})/(?P<wish>publish|take-back|delete|restore)$", sharing.on_picture, name="share-image"
    ),
    re_path(rf"^images/(?P<job_id>{UUID})/favourite$", marks.favour, name="favour"),
    re_path(rf"^images/(?P<job_id>{UUID})/rating$", marks.rate, name="rate"),
    re_path(rf"^images/(?P<job_id>{UUID})/tags$", marks.retag, name="retag"),
    re_path(rf"^batches/(?P<batch_id>{UUID})/(?P<wish>publish|take-back)$", sharing.on_batch, name="share-batch"),
    path("account", in_person(account.account), name="account"),
    path("accounts/login/", views.login, name="account_login"),
    path("accounts/logout/", views.logout, name="account_logout"),
    path("accounts/signup/", views.signup, name="account_signup"),
    path("accounts/password/change/", in_person(views.password_change), name="account_change_password"),
    path("accounts/password/set/", in_person(views.password_set), name="account_set_password"),
    path("accounts/password/reset/", mail.reset, name="account_reset_password"),
    path("accounts/password/reset/sent/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[\w-]+)/$",
        never_cache(views.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        "accounts/password/reset/done/",
        RedirectView.as_view(pattern_name="account_login"),
        name="account_reset_password_from_key_done",
    ),
    path("accounts/inactive/", views.account_inactive, name="account_inactive"),
    path("accounts/reauthenticate/", in_person(views.reauthenticate), name="account_reauthenticate"),
    path("accounts/email/", in_person(mail.address), name="account_email"),
    path("accounts/email/sent/", views.email_verification_sent, name="account_email_verification_sent"),
    re_path(r"^accounts/email/confirm/(?P<key>[-:\w]+)/$", views.confirm_email, name="account_confirm_email"),
    path("accounts/two-factor/", RedirectView.as_view(pattern_name="account"), name="mfa_index"),
    path("accounts/two-factor/authenticate/", mfa.authenticate, name="mfa_authenticate"),
    path("accounts/two-factor/reauthenticate/", in_person(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("accounts/two-factor/activate/", in_person(never_cache(totp.activate_totp)), name="mfa_activate_totp"),
    path("accounts/two-factor/deactivate/", in_person(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path(
        "accounts/two-factor/codes/",
        in_person(never_cache(recovery_codes.view_recovery_codes)),
        name="mfa_view_recovery_codes",
    ),
    path(
        "accounts/two-factor/codes/new/",
        in_person(recovery_codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "accounts/two-factor/codes/file/",
        in_person(recovery_codes.download_recovery_codes),
        name="mfa_download_recovery_codes",
    ),
    path("first-run/<str:secret>", first_run.administrator, name="first-run"),
    path("spending", spending.spending, name="spending"),
    path("events", live.stream, name="events"),
    path("metrics", metrics.view, name="metrics"),
    path("favicon.ico", media.icon, name="icon"),
    path("output/<str:name>", media.output, name="output"),
    re_path(
        rf"^media/(?P<job_id>{UUID})\.(?P<suffix>png|jpg|webp|thumb\.webp)$",
        media.picture,
        name="picture",
    ),
]
