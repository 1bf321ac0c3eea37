"""What is stored encrypted can be read where it belongs, with its key, and nowhere else."""

import hmac
from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from app.field_encryption import HEADER_MAXIMUM_BYTES, FieldCipher, LostKey, Place, SealBroken, Unreadable, key_id_of
from app.keys import derive_from
from app.setting_types import NamedKey

FIRST, SECOND = NamedKey("k1", bytes(range(32))), NamedKey("k2", bytes(range(1, 33)))
INDEX = NamedKey("i1", bytes(range(2, 34)))
CIPHER = FieldCipher([FIRST], [INDEX])
PLACE = Place("factors", "secret", UUID(int=7))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


class TestVectors:
    def test_the_algorithm_is_aes_256_gcm(self):
        """Test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation", which NIST took over."""
        key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
        text = bytes.fromhex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        )
        sealed = AESGCM(key).encrypt(
            bytes.fromhex("cafebabefacedbaddecaf888"),
            text,
            bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
        )
        assert sealed.hex() == (
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
            "76fc6ece0f4e1768cddf8853bb2d551b"
        )

    def test_the_index_is_hmac_sha_256(self):
        """RFC 4231 §4.3."""
        expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        assert hmac.digest(b"Jefe", b"what do ya want for nothing?", sha256).hex() == expected

    def test_the_index_key_is_derived_by_hkdf(self):
        """RFC 5869 with SHA-256, without salt, written out: extract, then one block of expand."""
        extracted = hmac.digest(bytes(32), INDEX.value, sha256)
        expanded = hmac.digest(extracted, b"todo-service blind index factors.phone\x01", sha256)
        assert derive_from(INDEX.value, "blind index factors.phone") == expanded

    def test_the_format_is_what_it_is_said_to_be(self):
        """Opened by hand: version, length of the key id, key id, nonce, then what AES-GCM made."""
        sealed = CIPHER.encrypt("JBSWY3DPEHPK3PXP", place=PLACE)
        assert sealed[:4] == b"\x01\x02k1"
        bound = b"\x01\x02k1factors.secret:00000000-0000-0000-0000-000000000007"
        assert AESGCM(FIRST.value).decrypt(sealed[4:16], sealed[16:], bound) == b"JBSWY3DPEHPK3PXP"
        assert len(sealed) == 4 + 12 + 16 + 16


class TestDecrypt:
    @given(texts)
    def test_it_gives_back_what_was_encrypted(self, text: str):
        assert CIPHER.decrypt(CIPHER.encrypt(text, place=PLACE), place=PLACE) == text

    def test_bytes_that_are_no_text_come_back(self):
        data = bytes(range(256)) * 300
        sealed = CIPHER.encrypt_bytes(data, place=PLACE)
        assert data not in sealed
        assert CIPHER.decrypt_bytes(sealed, place=PLACE) == data
        assert CIPHER.decrypt_bytes(CIPHER.encrypt("x", place=PLACE), place=PLACE) == b"x"

    @given(st.data())
    def test_a_changed_bit_is_refused(self, data: st.DataObject):
        sealed = bytearray(CIPHER.encrypt(data.draw(texts), place=PLACE))
        position = data.draw(st.integers(0, len(sealed) - 1))
        sealed[position] ^= 1 << data.draw(st.integers(0, 7))
        with pytest.raises(Unreadable):
            CIPHER.decrypt(bytes(sealed), place=PLACE)

    def test_every_bit_counts(self):
        sealed = CIPHER.encrypt("+491701234567", place=PLACE)
        for bit in range(len(sealed) * 8):
            changed = bytearray(sealed)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(Unreadable):
                CIPHER.decrypt(bytes(changed), place=PLACE)

    def test_every_truncation_is_refused(self):
        sealed = CIPHER.encrypt("x", place=PLACE)
        for size in range(len(sealed)):
            with pytest.raises(Unreadable):
                CIPHER.decrypt(sealed[:size], place=PLACE)

    @given(st.binary(max_size=80))
    def test_any_other_bytes_are_refused(self, found: bytes):
        with pytest.raises(Unreadable):
            CIPHER.decrypt(found, place=PLACE)

    @pytest.mark.parametrize(
        "elsewhere",
        [
            Place("webhooks", "secret", PLACE.row_id),
            Place("factors", "phone", PLACE.row_id),
            Place("factors", "secret", uuid4()),
            Place("factors", "secret", ""),
        ],
    )
    def test_what_was_moved_is_refused(self, elsewhere: Place):
        with pytest.raises(SealBroken, match="moved"):
            CIPHER.decrypt(CIPHER.encrypt("x", place=PLACE), place=elsewhere)

    def test_the_id_of_another_key_cannot_be_put_on(self):
        """Both keys are there and both ids are of one length: only the authenticated header tells."""
        both = FieldCipher([FIRST, SECOND], [INDEX])
        sealed = both.encrypt("x", place=PLACE)
        with pytest.raises(SealBroken):
            both.decrypt(sealed.replace(b"k1", b"k2", 1), place=PLACE)

    def test_a_row_with_several_keys_is_one_place(self):
        place = Place.of_row("hooks", "secret", (UUID(int=1), UUID(int=2)))
        assert CIPHER.decrypt(CIPHER.encrypt("x", place=place), place=place) == "x"
        swapped = Place.of_row("hooks", "secret", (UUID(int=2), UUID(int=1)))
        with pytest.raises(SealBroken):
            CIPHER.decrypt(CIPHER.encrypt("x", place=place), place=swapped)


class TestEncrypt:
    def test_the_same_text_never_looks_the_same(self):
        assert len({CIPHER.encrypt("x", place=PLACE) for _ in range(100)}) == 100

    def test_the_text_is_not_in_it(self):
        assert b"JBSWY3DPEHPK3PXP" not in CIPHER.encrypt("JBSWY3DPEHPK3PXP", place=PLACE)


class TestRotation:
    def test_the_first_key_encrypts_and_all_decrypt(self):
        before = CIPHER.encrypt("x", place=PLACE)
        rotated = FieldCipher([SECOND, FIRST], [INDEX])
        after = rotated.encrypt("x", place=PLACE)
        assert (key_id_of(before), key_id_of(after)) == ("k1", "k2")
        assert rotated.decrypt(before, place=PLACE) == rotated.decrypt(after, place=PLACE) == "x"
        assert (rotated.is_current(before), rotated.is_current(after)) == (False, True)

    def test_a_lost_key_is_named_with_the_way_to_mend_it(self):
        sealed = CIPHER.encrypt("my secret", place=PLACE)
        with pytest.raises(LostKey) as lost:
            FieldCipher([SECOND], [INDEX]).decrypt(sealed, place=PLACE)
        assert lost.value.key_id == "k1"
        for part in ("'k1'", "ENCRYPTION_KEYS", "factors.secret", "todo keys check"):
            assert part in str(lost.value)
        assert "my secret" not in str(lost.value)

    def test_an_id_that_begins_like_the_current_one_is_not_current(self):
        longer = FieldCipher([NamedKey("k10", FIRST.value)], [INDEX])
        assert not CIPHER.is_current(longer.encrypt("x", place=PLACE))

    @given(st.binary(max_size=HEADER_MAXIMUM_BYTES))
    def test_the_key_id_is_read_from_the_beginning_of_anything(self, rest: bytes):
        assert key_id_of(b"\x01\x02k1" + rest) == "k1"
        assert key_id_of(b"\x00" + rest) is None


class TestBlindIndex:
    def test_equal_texts_have_equal_indexes(self):
        assert CIPHER.blind_index("x", purpose="a.b") == CIPHER.blind_index("x", purpose="a.b")
        assert CIPHER.blind_index("x", purpose="a.b") != CIPHER.blind_index("y", purpose="a.b")

    def test_two_columns_cannot_be_compared(self):
        assert CIPHER.blind_index("x", purpose="a.b") != CIPHER.blind_index("x", purpose="a.c")

    def test_it_stays_when_the_encryption_key_changes(self):
        rotated = FieldCipher([SECOND, FIRST], [INDEX])
        assert rotated.blind_index("x", purpose="a.b") == CIPHER.blind_index("x", purpose="a.b")

    def test_while_its_own_key_is_replaced_both_are_looked_for(self):
        replaced = FieldCipher([FIRST], [SECOND, INDEX])
        former = CIPHER.blind_index("x", purpose="a.b")
        current = replaced.blind_index("x", purpose="a.b")
        assert replaced.blind_indexes("x", purpose="a.b") == [current, former]
        assert key_id_of(current) == "k2"


def test_nothing_shows_a_key():
    assert FIRST.value.hex() not in repr(FIRST)
    assert str(FIRST.value) not in f"{FIRST!r}{FIRST}{CIPHER!r}"
