"""The pages that the `type` of a problem leads to: what each kind means, and what to do about it."""

import html

from app.api.documentation.pages import Page, article, with_code
from app.api.problem_types import TYPES, ProblemType, code_of


def problem_index() -> Page:
    """The page that lists all kinds of problems."""
    rows = "\n".join(
        f'<tr><td>{status}</td><td><a href="/problems/{kind.slug}">{html.escape(kind.title)}</a></td></tr>'
        for status, kind in TYPES.items()
    )
    return article(
        "Problems",
        '<p>Errors of version 2 are problem details (<a href="https://www.rfc-editor.org/rfc/rfc9457">RFC 9457</a>), '
        "sent as <code>application/problem+json</code>. <code>type</code> is the address of one of these pages, "
        "<code>code</code> says more exactly what went wrong, and <code>request_id</code> finds the request in the "
        "log of the service.</p>\n"
        f"<table>\n<tr><th>Status</th><th>Problem</th></tr>\n{rows}\n</table>",
    )  # fmt: skip


def problem_pages() -> dict[str, Page]:
    """The page of each kind of problem, by the last segment of its address."""
    return {kind.slug: _page(status, kind) for status, kind in TYPES.items()}


def _page(status: int, kind: ProblemType) -> Page:
    return article(
        kind.title,
        f"<p>{with_code(kind.explanation)}</p>\n"
        f"<table>\n<tr><th>Status</th><td>{status}</td></tr>\n"
        f"<tr><th>Type</th><td><code>/problems/{kind.slug}</code></td></tr>\n"
        f"<tr><th>Code</th><td><code>{code_of(kind)}</code>, or a finer one</td></tr>\n</table>\n"
        '<p><a href="/problems">All problems</a></p>',
    )
