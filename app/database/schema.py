"""The metadata that every table belongs to, with one naming convention for constraints and indexes."""

from sqlalchemy import DateTime, LargeBinary, MetaData
from sqlalchemy.dialects.postgresql import UUID

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

moment = DateTime(timezone=True)
uuid = UUID(as_uuid=True)


class Sealed(LargeBinary):
    """Bytes that app.field_encryption made for the place where they stand. app.domain.encryption lists the columns."""

    __visit_name__ = "large_binary"
    cache_ok = True
