"""What a process keeps: never more than its bound, the least recently used gone first; compared with a plain model."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cache.bodies import OVERHEAD_BYTES, Bodies
from app.cache.entries import Entry

MAXIMUM = 20 * OVERHEAD_BYTES
LARGEST = MAXIMUM // 8


def entry(size_bytes: int = 0, *, hits: int = 0) -> Entry[Any]:
    return Entry((), (), None, 0, 0, "test", size_bytes=size_bytes, hits=hits)


def filled(*keys: str, size_bytes: int = LARGEST) -> Bodies:
    bodies = Bodies(MAXIMUM)
    for key in keys:
        bodies.put(key, entry(size_bytes))
    return bodies


keys = st.sampled_from("abcdefghijkl")
sizes = st.integers(0, LARGEST + 500)
steps = st.lists(
    st.tuples(st.just("put"), keys, sizes)
    | st.tuples(st.just("grow"), keys, st.integers(0, 6000))
    | st.tuples(st.sampled_from(["get", "drop", "clear"]), keys, st.just(0)),
    max_size=80,
)


class Model:
    """The same promises, kept by a list of pairs: the most recently used last."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, int]] = []

    def size_of(self, key: str) -> int | None:
        return dict(self.kept).get(key)

    def without(self, key: str) -> list[tuple[str, int]]:
        return [pair for pair in self.kept if pair[0] != key]

    @property
    def used_bytes(self) -> int:
        return sum(size + OVERHEAD_BYTES for _, size in self.kept)

    def do(self, step: str, key: str, size: int) -> None:
        if step == "clear":
            self.kept = []
        elif step == "drop":
            self.kept = self.without(key)
        elif step == "get" and (found := self.size_of(key)) is not None:
            self.kept = [*self.without(key), (key, found)]
        elif step == "put":
            self.kept = [*self.without(key), *([(key, size)] if size <= LARGEST else [])]
        elif step == "grow":
            self.kept = [(each, old + size if each == key else old) for each, old in self.kept]
        while self.used_bytes > MAXIMUM:
            self.kept.pop(0)


class TestBound:
    @settings(deadline=None)
    @given(steps)
    def test_it_is_as_the_model(self, taken: list[tuple[str, str, int]]) -> None:
        bodies, model = Bodies(MAXIMUM), Model()
        for step, key, size in taken:
            if step == "put":
                bodies.put(key, entry(size))
            elif step == "grow" and (held := bodies._entries.get(key)) is not None:
                bodies.grow(key, held, size)
            elif step == "get":
                bodies.get(key)
            elif step == "drop":
                bodies.drop(key)
            elif step == "clear":
                bodies.clear()
            model.do(step, key, size)
            assert [(each, held.size_bytes) for each, held in bodies._entries.items()] == model.kept
            assert bodies.used_bytes == model.used_bytes <= MAXIMUM
            assert len(bodies) == len(model.kept)

    def test_the_least_recently_used_goes_first(self) -> None:
        bodies = filled("a", "b", "c", "d", "e")
        bodies.get("a")
        bodies.put("f", entry(LARGEST))
        assert [key for key in "abcdef" if bodies.get(key) is not None] == ["a", "c", "d", "e", "f"]
        assert bodies.evicted == 1

    def test_one_that_is_too_large_is_not_kept_and_takes_the_place_of_none(self) -> None:
        bodies = filled("a", "b")
        bodies.put("b", entry(LARGEST + 1))
        assert (bodies.get("a") is not None, bodies.get("b"), bodies.evicted) == (True, None, 0)

    @pytest.mark.parametrize("maximum", [0, OVERHEAD_BYTES - 1])
    def test_without_room_nothing_is_kept(self, maximum: int) -> None:
        bodies = Bodies(maximum)
        bodies.put("a", entry())
        assert (len(bodies), bodies.used_bytes) == (0, 0)


class TestGrow:
    def test_what_grows_pushes_others_out(self) -> None:
        bodies = filled("a", "b", "c", "d", "e")
        last = bodies.get("e")
        assert last is not None
        bodies.grow("e", last, MAXIMUM // 2)
        assert [key for key in "abcde" if bodies.get(key) is not None] == ["d", "e"]

    def test_one_that_was_replaced_meanwhile_counts_no_more(self) -> None:
        bodies = filled("a")
        replaced = bodies.get("a")
        assert replaced is not None
        bodies.put("a", entry(10))
        bodies.grow("a", replaced, 5000)
        assert bodies.used_bytes == 10 + OVERHEAD_BYTES


class TestMostUsed:
    def test_by_hits(self) -> None:
        bodies = Bodies(MAXIMUM)
        for key, hits in (("a", 2), ("b", 9), ("c", 0), ("d", 5)):
            bodies.put(key, entry(hits=hits))
        assert [key for key, _ in bodies.most_used(3)] == ["b", "d", "a"]
