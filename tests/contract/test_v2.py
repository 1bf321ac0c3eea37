"""Version 2 keeps to its document: every operation, with valid and with broken requests."""

from schemathesis import Case

from tests.contract.conversation import Speakers, conversation

V2 = conversation("v2")


@V2.parametrize()
def test_an_operation_keeps_to_the_document(case: Case, speakers: Speakers) -> None:
    speakers.talk(case)
