"""What `todo doctor` says of the parts that can be looked at alone. The whole command is tested with the others."""

import os
from pathlib import Path
from uuid import uuid4

import pytest

from app import doctor
from app.erasure_ledger import Erased, ErasureLedger, digest_of
from app.settings import Settings, load_settings
from tests.test_erasure_ledger import AT
from tests.test_settings import PRODUCTION


def with_ledger(path: Path | None, **variables: str) -> Settings:
    return load_settings(**variables, ERASURE_LEDGER_PATH="" if path is None else str(path))


class TestErasureLedger:
    def test_production_wants_one(self) -> None:
        finding = doctor.erasure_ledger(with_ledger(None, **PRODUCTION))
        assert "ERASURE_LEDGER_PATH" in finding.fix
        assert not doctor.erasure_ledger(with_ledger(None, ENVIRONMENT="development")).fix

    def test_it_says_how_many_are_in_it(self, tmp_path: Path) -> None:
        settings = with_ledger(tmp_path / "erasures", **PRODUCTION)
        assert doctor.erasure_ledger(settings).detail.endswith("erasures, 0 erasures")
        ErasureLedger(tmp_path / "erasures").add([Erased(digest_of(uuid4()), AT) for _ in range(3)])
        finding = doctor.erasure_ledger(settings)
        assert (finding.detail.endswith("erasures, 3 erasures"), finding.fix) == (True, "")

    def test_one_that_is_none_or_has_no_place_has_to_be_mended(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "erasures").write_text("hello\n")
        assert doctor.erasure_ledger(with_ledger(tmp_path / "erasures")).fix
        assert "volume" in doctor.erasure_ledger(with_ledger(tmp_path / "missing" / "erasures")).fix
        (tmp_path / "erasures").unlink()
        monkeypatch.setattr(os, "access", lambda *_arguments: False)  # Root may write everywhere.
        assert doctor.erasure_ledger(with_ledger(tmp_path / "erasures")).fix
