"""Where mailed links lead as long as ACCOUNT_PAGES_URL names no pages of a client: what to do with their token."""

from app.api.documentation.pages import Page, article, with_code
from app.domain.identity.letters import AccountPage

_WHAT = {
    AccountPage.CONFIRM_REGISTRATION: (
        "Confirm your registration",
        "POST /api/v2/auth/email/verify",
        '{"token": "…", "password": "the one that you chose"}',
        "The answer is your account. Log in to it afterwards.",
    ),
    AccountPage.RESET_PASSWORD: (
        "Choose a new password",
        "POST /api/v2/auth/password/reset",
        '{"token": "…", "new_password": "a new one"}',
        "Everybody is logged out of your account. Log in with the new password.",
    ),
    AccountPage.CONFIRM_EMAIL: (
        "Confirm your new address",
        "POST /api/v2/me/email/verify",
        '{"token": "…"}',
        "Send it with the access token of a session of yours. The answer is your account with its new address.",
    ),
    AccountPage.CANCEL_DELETION: (
        "Keep your account",
        "POST /api/v2/auth/deletion/cancel",
        '{"token": "…"}',
        "Your account stays. Log in to it afterwards.",
    ),
}


def account_pages() -> dict[str, Page]:
    """The page of each kind of link, by the last segment of its address."""
    return {page.value: _page(*what) for page, what in _WHAT.items()}


def _page(title: str, request: str, body: str, afterwards: str) -> Page:
    return article(
        title,
        f"<p>{with_code('Your token is in the address of this page, behind `#token=`. It was sent to no server yet.')}"
        f"</p>\n<p>{with_code(f'Send it with `{request}` and this body: `{body}`')}</p>\n<p>{afterwards}</p>\n"
        "<p>Whoever runs this service has not named the pages of an application that would do it for you "
        f"({with_code('`ACCOUNT_PAGES_URL`')}).</p>",
    )
