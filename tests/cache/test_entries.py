"""How a cached value is spelled in Redis, and that nothing else is ever taken for one."""

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cache.entries import Entry, Kind, is_current, release

KIND: Kind[dict[str, Any]] = Kind("test", dict[str, str | int | float | bool | None])
KEPT = ("tags", "versions", "value", "expires_at", "refresh_at")

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.none() | st.dictionaries(
    texts, st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | texts
)
moments = st.floats(0, 1e11)
entries = st.builds(
    Entry,
    tags=st.lists(texts).map(tuple),
    versions=st.lists(st.binary()).map(tuple),
    value=values,
    expires_at=moments,
    refresh_at=moments,
    kind_name=st.just("test"),
)


def entry_of(value: Any, *, expires_at: float = 2.0) -> Entry[Any]:
    return Entry(("a:1", "b:2"), (b"x", b"y"), value, expires_at, 1.0, "test")


def is_compressed(stored: bytes) -> bool:
    return bool(msgspec.msgpack.decode(stored)[4])


class TestRoundTrip:
    @settings(deadline=None)
    @given(entries)
    def test_an_entry_comes_back_as_it_was(self, entry: Entry[dict[str, Any] | None]) -> None:
        back = KIND.from_bytes(KIND.to_bytes(entry))
        assert back is not None
        assert [getattr(back, name) for name in KEPT] == [getattr(entry, name) for name in KEPT]
        assert (back.size_bytes, back.kind_name) == (entry.size_bytes, "test")
        assert back.size_bytes == len(msgspec.msgpack.encode(entry.value))

    def test_what_belongs_to_this_process_stays_in_it(self) -> None:
        entry = entry_of({"a": 1})
        entry.hits, entry.is_being_refreshed, entry.variants = 7, True, {b"br": b"..."}
        back = KIND.from_bytes(KIND.to_bytes(entry))
        assert back is not None
        assert (back.hits, back.is_being_refreshed, back.variants) == (0, False, {})

    def test_nothing_is_a_value_too(self) -> None:
        back = KIND.from_bytes(KIND.to_bytes(entry_of(None)))
        assert back is not None
        assert back.value is None

    @pytest.mark.parametrize(("size", "expected"), [(99, False), (100, True), (10_000, True)])
    def test_values_are_compressed_from_the_threshold_on(self, size: int, *, expected: bool) -> None:
        kind = Kind("text", str)
        head = len(msgspec.msgpack.encode("x" * size)) - size
        stored = kind.to_bytes(entry_of("x" * (size - head)), compress_bytes=100)
        assert is_compressed(stored) is expected
        assert kind.from_bytes(stored) is not None

    def test_compression_pays(self) -> None:
        assert len(KIND.to_bytes(entry_of({"text": "word " * 2000}))) < 1000


class TestGarbage:
    @settings(deadline=None)
    @given(st.binary())
    def test_bytes_of_any_kind_are_nothing(self, stored: bytes) -> None:
        assert KIND.from_bytes(stored) is None

    @pytest.mark.parametrize("value", [{"a": 1}, {"text": "word " * 2000}], ids=["plain", "compressed"])
    def test_a_part_is_nothing(self, value: dict[str, Any]) -> None:
        stored = KIND.to_bytes(entry_of(value))
        assert KIND.from_bytes(stored) is not None
        assert [end for end in range(len(stored)) if KIND.from_bytes(stored[:end]) is not None] == []
        assert KIND.from_bytes(stored + b"\x00") is None

    @settings(deadline=None)
    @given(entries, st.data())
    def test_a_wrong_byte_raises_nothing(self, entry: Entry[dict[str, Any] | None], data: st.DataObject) -> None:
        stored = bytearray(KIND.to_bytes(entry))
        stored[data.draw(st.integers(0, len(stored) - 1))] ^= data.draw(st.integers(1, 255))
        KIND.from_bytes(bytes(stored))

    @pytest.mark.parametrize("other", [Kind("test", int), Kind("test", list[str]), Kind("test", dict[str, int])])
    def test_a_value_of_another_type_is_nothing(self, other: Kind[Any]) -> None:
        stored = KIND.to_bytes(entry_of({"text": "word " * 2000}))
        assert other.from_bytes(stored) is None

    def test_a_value_that_claims_to_be_compressed_and_is_not_is_nothing(self) -> None:
        parts = msgspec.msgpack.decode(KIND.to_bytes(entry_of({"a": 1})))
        parts[4] = True
        assert KIND.from_bytes(msgspec.msgpack.encode(parts)) is None


class TestIsCurrent:
    @pytest.mark.parametrize(
        ("versions", "expected"),
        [((b"x", b"y"), True), ((b"x", b"z"), False), ((b"y", b"x"), False), ((b"x", None), False), ((b"x",), False)],
    )
    def test_every_version_has_to_be_the_same(self, versions: tuple[bytes | None, ...], *, expected: bool) -> None:
        assert is_current(entry_of(1, expires_at=time.time() + 60), versions) is expected

    def test_not_after_its_time(self) -> None:
        assert not is_current(entry_of(1, expires_at=time.time() - 0.001), (b"x", b"y"))


class TestRelease:
    def test_it_is_the_same_for_the_same_code_and_short(self) -> None:
        first = release()
        release.cache_clear()
        assert release() == first
        assert len(first) == 12
