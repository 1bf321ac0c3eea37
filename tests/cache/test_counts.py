"""What is counted, and under which name."""

from dataclasses import asdict

from app.cache.counts import Counts


class TestCounts:
    def test_each_kind_has_its_own(self) -> None:
        counts = Counts()
        counts.of("todos").misses += 1
        counts.of("todos").misses += 1
        counts.of("projects").process_hits += 1
        assert (counts.of("todos").misses, counts.of("projects").misses) == (2, 0)
        assert set(counts.kinds) == {"todos", "projects"}

    def test_touches_are_counted_by_family(self) -> None:
        counts = Counts()
        counts.touched(("todo:1", "todo:2", "team:1"))
        counts.touched(("todo:1",))
        assert counts.touches == {"todo": 3, "team": 1}

    def test_all_of_it_is_plain_data(self) -> None:
        counts = Counts()
        counts.of("todos").fills += 1
        assert asdict(counts)["kinds"]["todos"]["fills"] == 1
