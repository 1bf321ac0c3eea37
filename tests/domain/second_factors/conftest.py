"""What tests of second factors share with those of identity: people who are logged in."""

from tests.domain.identity.conftest import gate, new_visitor, visitor

__all__ = ["gate", "new_visitor", "visitor"]
