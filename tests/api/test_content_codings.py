"""Tests of content codings: what is chosen, what comes back, how tags are named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.content_codings import BROTLI, CODINGS, GZIP, ZSTD, EncodedStream, accepts, choose, coded_tag, encode
from tests.codings import DECODED, reader

# What RFC 9110 §12.4.2 allows for a quality, and its value.
QUALITIES = {"": 1.0, ";q=1": 1.0, ";q=0": 0.0, "; Q=0.000": 0.0, " ;q=0.5": 0.5, ";\tq=0.25": 0.25, ";q=1.": 1.0}
NAMES = ["zstd", "br", "gzip", "GZip", "x-gzip", "identity", "*", "deflate"]

elements = st.tuples(st.sampled_from(NAMES), st.sampled_from(sorted(QUALITIES)))
orders = st.permutations(CODINGS).map(tuple)


def quality(named: list[tuple[str, str]], coding: bytes) -> float | None:
    """The smallest quality that the elements give to `coding` by its name; None if they do not name it."""
    names = {coding.decode(), f"x-{coding.decode()}"} if coding == GZIP else {coding.decode()}
    return min((QUALITIES[weight] for name, weight in named if name.lower() in names), default=None)


class TestChoose:
    @pytest.mark.parametrize(
        ("header", "chosen"),
        [
            (b"gzip, deflate, br, zstd", ZSTD),
            (b"gzip, deflate, br", BROTLI),
            (b"gzip, deflate", GZIP),
            (b"GZIP", GZIP),
            (b"x-gzip", GZIP),
            (b"*", ZSTD),
            (b"zstd;q=0.5, gzip", GZIP),
            (b"*, zstd;q=0", BROTLI),
            (b"br;q=0.001", BROTLI),
            (b" ,gzip,, ", GZIP),
            (b"gzip;q=0, *", ZSTD),
            (b"gzip, identity", GZIP),
            (b"gzip;q=0.5, identity;q=0.2", GZIP),
            (b"gzip, identity;q=0", GZIP),
            (b"identity;q=0, *;q=0.1", ZSTD),
        ],
    )
    def test_what_the_client_likes_best_and_among_equals_what_we_do(self, header: bytes, chosen: bytes):
        assert choose(header) == chosen

    @pytest.mark.parametrize(
        "header",
        [
            b"",
            b" , ",
            b"identity",
            b"deflate",
            b"gzip;q=0",
            b"gzip;q=0.0",
            b"*;q=0",
            b"identity;q=0",
            b"gzip;q=0, gzip",
            b"x-gzip;q=0, gzip",
            b"identity, gzip;q=0.9",
        ],
    )
    def test_nothing_that_is_refused_or_liked_less_than_the_plain_body(self, header: bytes):
        assert choose(header) is None

    @pytest.mark.parametrize(
        "header",
        [
            b"gzip;q=2",
            b"gzip;q=1.001",
            b"gzip;q=-1",
            b"gzip;q=0.1234",
            b"gzip;q=",
            b"gzip;q",
            b"gzip;q=nan",
            b"gzip;level=9",
            b"gzip br",
            b"br, gzip;q=high",
            b"g\xffzip, br",
            b"br\x00",
        ],
    )
    def test_a_malformed_header_asks_for_nothing(self, header: bytes):
        assert choose(header) is None

    def test_only_what_is_offered(self):
        assert choose(b"br, gzip", (ZSTD, GZIP)) == GZIP
        assert choose(b"br", (ZSTD, GZIP)) is None

    @given(st.lists(elements, max_size=8), orders)
    def test_never_what_the_client_refuses_and_never_less_than_it_can_have(self, named, offered):
        chosen = choose(", ".join(name + weight for name, weight in named).encode(), offered)
        others = min((QUALITIES[weight] for name, weight in named if name == "*"), default=0.0)
        worth = {coding: others if (own := quality(named, coding)) is None else own for coding in offered}
        plain = min((QUALITIES[weight] for name, weight in named if name == "identity"), default=0.0)
        best = max(worth.values())
        if chosen is None:
            assert best == 0 or best < plain
        else:
            assert worth[chosen] == best > 0
            assert best >= plain
            assert chosen == next(coding for coding in offered if worth[coding] == best)

    @given(st.one_of(st.binary(max_size=60), st.text("gzipbrstd*x-;q=01., \t", max_size=40).map(str.encode)))
    def test_whatever_comes_it_is_read_or_left_alone(self, header: bytes):
        assert choose(header) in {None, *CODINGS}


class TestAccepts:
    @pytest.mark.parametrize("coding", CODINGS)
    def test_without_the_header_everything_is_accepted(self, coding: bytes):
        assert accepts(None, coding)
        assert not accepts(b"", coding)

    def test_what_is_named_even_if_another_one_is_liked_better(self):
        assert accepts(b"gzip;q=0.1, br", GZIP)
        assert not accepts(b"gzip;q=0.1, br", ZSTD)


class TestCodedTag:
    def test_a_strong_tag_ends_in_the_coding(self):
        assert coded_tag(b'"3-member"', BROTLI) == b'"3-member-br"'

    def test_a_weak_tag_stays(self):
        assert coded_tag(b'W/"abc"', BROTLI) == b'W/"abc"'


class TestEncode:
    @pytest.mark.parametrize("coding", CODINGS)
    @pytest.mark.parametrize("level", [1, 4, 9])
    def test_comes_back_whole_smaller_and_always_the_same(self, coding: bytes, level: int):
        body = b'{"title": "tidy up", "tags": []}' * 100
        encoded = encode(body, coding, level)
        assert DECODED[coding.decode()](encoded) == body
        assert len(encoded) < len(body) / 10
        assert encode(body, coding, level) == encoded

    @given(st.lists(st.binary(max_size=300), max_size=5), st.sampled_from(CODINGS))
    def test_one_body_leaves_no_trace_in_the_next(self, bodies: list[bytes], coding: bytes):
        for body in bodies:
            assert DECODED[coding.decode()](encode(body, coding, 4)) == body

    def test_what_is_no_coding_is_a_bug(self):
        with pytest.raises(ValueError, match="deflate"):
            encode(b"", b"deflate", 4)
        with pytest.raises(ValueError, match="deflate"):
            EncodedStream(b"deflate", 4)


class TestEncodedStream:
    @given(st.lists(st.tuples(st.binary(max_size=400), st.booleans()), max_size=8), st.sampled_from(CODINGS))
    def test_a_stream_says_what_the_whole_says_and_after_each_flush_all_so_far(self, pieces, coding: bytes):
        stream, read = EncodedStream(coding, 4), reader(coding.decode())
        given_bytes = sent = got = b""
        for piece, is_flushed in pieces:
            ready = stream.add(piece) + (stream.flush() if is_flushed else b"")
            given_bytes += piece
            sent += ready
            got += read(ready)
            if is_flushed:
                assert got == given_bytes
        sent += stream.finish()
        assert DECODED[coding.decode()](sent) == given_bytes == DECODED[coding.decode()](encode(given_bytes, coding, 4))
