"""Version 1 keeps to its document: every operation, with valid and with broken requests."""

from schemathesis import Case

from tests.contract.conversation import Speakers, conversation

V1 = conversation("v1")


@V1.parametrize()
def test_an_operation_keeps_to_the_document(case: Case, speakers: Speakers) -> None:
    speakers.talk(case)
