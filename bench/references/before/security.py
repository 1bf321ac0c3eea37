"""Passwords, tokens, and the dependency that finds out who is calling."""

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bench.references.before.database import get_session
from bench.references.before.models import User

SECRET_KEY = os.environ["SECRET_KEY"]
_hasher = PasswordHasher()
_bearer = HTTPBearer()


def verify_password(password_hash: str, password: str) -> bool:
    """Whether the password belongs to the hash."""
    try:
        return _hasher.verify(password_hash, password)
    except VerificationError:
        return False


def create_access_token(user: User) -> str:
    """A token of fifteen minutes."""
    claims = {"sub": str(user.id), "exp": datetime.now(UTC) + timedelta(minutes=15)}
    return jwt.encode(claims, SECRET_KEY, algorithm="HS256")


async def get_current_user(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(_bearer)],
    session: Annotated[AsyncSession, Depends(get_session)],
) -> User:
    """The active user whom the token names, read from the database. 401 otherwise."""
    try:
        claims = jwt.decode(credentials.credentials, SECRET_KEY, algorithms=["HS256"])
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "Invalid token") from error
    user = (await session.execute(select(User).where(User.id == UUID(claims["sub"])))).scalar_one_or_none()
    if user is None or not user.is_active:
        raise HTTPException(401, "Unknown or inactive user")
    return user
