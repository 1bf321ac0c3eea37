"""Values that are kept under tags, and served only while Redis confirms that none of their tags was touched since.

A tag has a version in Redis. A value remembers the versions that were read *before* it was loaded; a write touches its
tags after COMMIT, which gives them new versions. So a value that was loaded while a write raced it is never served.
"""
