"""The service that docs/from-fastapi.md replaces: registration and sign-in with FastAPI, SQLAlchemy and python-multipart.

A registration chooses the library and the scheme of its hash, so that one service has the hashes of many.
"""

from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordRequestForm
from passlib.context import CryptContext
from passlib.exc import UnknownHashError
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Base, User, engine

PWDLIB = {"argon2": Argon2Hasher(), "bcrypt": BcryptHasher()}
PASSLIB = CryptContext(
    schemes=["argon2", "bcrypt", "pbkdf2_sha256", "pbkdf2_sha512", "scrypt", "django_pbkdf2_sha256"]
)

Base.metadata.create_all(engine)
app = FastAPI()


class Registration(BaseModel):
    email: str
    password: str
    full_name: str | None = None
    is_superuser: bool = False
    library: str = "pwdlib"
    scheme: str = "argon2"


def hashed(registration: Registration) -> str:
    if registration.library == "pwdlib":
        return PasswordHash((PWDLIB[registration.scheme],)).hash(registration.password)
    return PASSLIB.hash(registration.password, scheme=registration.scheme)


def matches(password: str, stored: str) -> bool:
    try:
        return PASSLIB.verify(password, stored)
    except UnknownHashError:
        return False


@app.post("/users/signup", status_code=201)
def register(registration: Registration) -> dict[str, str]:
    user = User(
        email=registration.email,
        full_name=registration.full_name,
        is_superuser=registration.is_superuser,
        hashed_password=hashed(registration),
    )
    with Session(engine) as session, session.begin():
        session.add(user)
        session.flush()
        return {"id": str(user.id)}


@app.post("/login/access-token")
def sign_in(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, str]:
    with Session(engine) as session:
        user = session.scalar(select(User).where(User.email == form.username))
        if user is None or not user.is_active or not matches(form.password, user.hashed_password):
            raise HTTPException(400, "Incorrect email or password")
        return {"user": str(user.id), "role": "admin" if user.is_superuser else "user"}
