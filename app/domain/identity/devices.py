"""What a session is called until its user names it: the browser and the system that its program says it is.

A guess from what programs say of themselves, good for recognising one's own devices and for nothing else.
"""

from app.domain import names

LABEL_MAXIMUM = 100
UNKNOWN = "Unknown device"

# The first that occurs: most browsers also claim to be those that stand below them here.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def checked_label(label: str) -> str:
    """`label` as it is stored: one line, trimmed, 1-100 characters. Raises Invalid about #/label."""
    return names.checked_name(label, maximum=LABEL_MAXIMUM, member="label")


def label_from(user_agent: str) -> str:
    """`Firefox on Linux`; of what is no browser that is known, the name that it begins with."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    if browser is not None:
        return browser if system is None else f"{browser} on {system}"
    return user_agent.partition("/")[0].strip()[:LABEL_MAXIMUM] or UNKNOWN
