"""Users and authentication, by the RealWorld specification."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from conduit.schemas import UserResponse
from support import PASSWORD, Person, errors, register


async def test_a_new_user_gets_a_token_and_empty_fields(client: httpx.AsyncClient) -> None:
    user = {"username": "cleo", "email": "cleo@example.com", "password": PASSWORD}
    response = await client.post("/api/users", json={"user": user})
    assert response.status_code == 201
    made = UserResponse.model_validate(response.json()).user
    assert (made.username, made.email, made.bio, made.image) == (
        "cleo", "cleo@example.com", "", "",
    )  # fmt: skip
    assert made.token


@pytest.mark.parametrize("field", ["username", "email", "password"])
@pytest.mark.parametrize("value", ["", "   ", None])
async def test_nothing_may_be_blank_at_registration(
    client: httpx.AsyncClient, field: str, value: str | None
) -> None:
    user = {"username": "cleo", "email": "cleo@example.com", "password": PASSWORD, field: value}
    response = await client.post("/api/users", json={"user": user})
    assert response.status_code == 422
    message = errors(response)[field][0]
    assert message == "can't be blank" or (field, value) == ("password", "   ")


async def test_a_field_that_is_left_out_is_blank(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/users", json={"user": {"username": "cleo"}})
    assert response.status_code == 422
    assert errors(response) == {"email": ["can't be blank"], "password": ["can't be blank"]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("email", "a b@example.com"),
        ("username", "a/b"),
        ("username", ".."),
        ("username", "nul\x00"),
        ("username", "x" * 51),
        ("password", "short7c"),
        ("username", 7),
    ],
)
async def test_what_cannot_be_used_is_refused(
    client: httpx.AsyncClient, field: str, value: Any
) -> None:
    user = {"username": "cleo", "email": "cleo@example.com", "password": PASSWORD, field: value}
    response = await client.post("/api/users", json={"user": user})
    assert response.status_code == 422
    assert list(errors(response)) == [field]


@pytest.mark.parametrize(("field", "value"), [("username", "ADA"), ("email", "Ada@Example.com")])
async def test_names_and_addresses_are_unique_whatever_their_case(
    client: httpx.AsyncClient, ada: Person, field: str, value: str
) -> None:
    user = {"username": "cleo", "email": "cleo@example.com", "password": PASSWORD, field: value}
    response = await client.post("/api/users", json={"user": user})
    assert response.status_code == 422
    assert errors(response) == {field: ["has already been taken"]}


async def test_of_two_who_want_a_name_at_once_one_gets_it(client: httpx.AsyncClient) -> None:
    def wish(address: str) -> dict[str, Any]:
        return {"user": {"username": "cleo", "email": address, "password": PASSWORD}}

    answers = await asyncio.gather(
        *(client.post("/api/users", json=wish(f"c{n}@example.com")) for n in range(4))
    )
    assert sorted(a.status_code for a in answers) == [201, 422, 422, 422]


async def test_login(client: httpx.AsyncClient, ada: Person) -> None:
    user = {"email": "ADA@example.com", "password": PASSWORD}
    response = await client.post("/api/users/login", json={"user": user})
    assert response.status_code == 200
    token = response.json()["user"]["token"]
    assert (await Person(client, "ada", token)("GET", "/user")).status_code == 200


@pytest.mark.parametrize(
    "user",
    [
        {"email": "ada@example.com", "password": "wrong horse"},
        {"email": "nobody@example.com", "password": PASSWORD},
    ],
)
async def test_wrong_credentials_do_not_tell_which_half_was_wrong(
    client: httpx.AsyncClient, ada: Person, user: dict[str, str]
) -> None:
    response = await client.post("/api/users/login", json={"user": user})
    assert response.status_code == 401
    assert errors(response) == {"credentials": ["invalid"]}


async def test_the_current_user(ada: Person) -> None:
    response = await ada("GET", "/user")
    assert response.json()["user"] == {
        "username": "ada",
        "email": "ada@example.com",
        "bio": "",
        "image": "",
        "token": ada.token,
    }


@pytest.mark.parametrize("header", [None, "Token", "Token ", "Basic eDp5", "nonsense"])
async def test_without_a_token(client: httpx.AsyncClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = await client.get("/api/user", headers=headers)
    assert response.status_code == 401
    assert errors(response) == {"token": ["is missing"]}


async def test_a_token_that_was_changed_is_refused_even_where_none_is_needed(
    client: httpx.AsyncClient, ada: Person
) -> None:
    head, body, mac = ada.token.split(".")
    ada.token = ".".join((head, body, mac[::-1]))
    for path in ("/user", "/articles"):
        response = await ada("GET", path)
        assert response.status_code == 401
        assert errors(response) == {"token": ["is invalid"]}


async def test_bearer_works_as_well(client: httpx.AsyncClient, ada: Person) -> None:
    headers = {"Authorization": f"Bearer {ada.token}"}
    assert (await client.get("/api/user", headers=headers)).status_code == 200


async def test_an_update_changes_what_is_sent_and_nothing_else(ada: Person) -> None:
    response = await ada("PUT", "/user", {"user": {"bio": "Hello"}})
    assert response.status_code == 200
    user = response.json()["user"]
    assert (user["bio"], user["username"], user["image"]) == ("Hello", "ada", "")
    assert (await ada("PUT", "/user", {"user": {}})).json()["user"]["bio"] == "Hello"


@pytest.mark.parametrize("field", ["bio", "image"])
@pytest.mark.parametrize("empty", ["", None])
async def test_bio_and_image_can_be_taken_away(ada: Person, field: str, empty: str | None) -> None:
    await ada("PUT", "/user", {"user": {field: "https://example.com/a.png"}})
    response = await ada("PUT", "/user", {"user": {field: empty}})
    assert response.status_code == 200
    assert response.json()["user"][field] == ""


@pytest.mark.parametrize("field", ["username", "email", "password"])
@pytest.mark.parametrize("empty", ["", None])
async def test_the_others_cannot(ada: Person, field: str, empty: str | None) -> None:
    response = await ada("PUT", "/user", {"user": {field: empty}})
    assert response.status_code == 422
    assert errors(response)[field]


async def test_a_name_of_somebody_else_cannot_be_taken_over(ada: Person, ben: Person) -> None:
    response = await ada("PUT", "/user", {"user": {"username": "Ben"}})
    assert response.status_code == 422
    assert errors(response) == {"username": ["has already been taken"]}


async def test_a_new_password_ends_the_other_sessions(
    client: httpx.AsyncClient, ada: Person
) -> None:
    login = {"user": {"email": ada.email, "password": PASSWORD}}
    elsewhere = await client.post("/api/users/login", json=login)
    other = Person(client, "ada", elsewhere.json()["user"]["token"])
    changed = await ada("PUT", "/user", {"user": {"password": "battery staple"}})
    fresh = Person(client, "ada", changed.json()["user"]["token"])
    assert (await ada("GET", "/user")).status_code == 200
    assert (await fresh("GET", "/user")).status_code == 200
    assert (await other("GET", "/user")).status_code == 401
    assert (await client.post("/api/users/login", json=login)).status_code == 401


async def test_broken_json_is_the_clients_fault(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/api/users", content=b'{"user": ', headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422
    assert errors(response) == {"body": ["is not valid JSON"]}


async def test_a_lone_surrogate_is_refused_before_it_reaches_the_database(
    client: httpx.AsyncClient,
) -> None:
    body = b'{"user": {"username": "\\ud800", "email": "a@b.c", "password": "correct horse"}}'
    response = await client.post(
        "/api/users", content=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422
    assert list(errors(response)) == ["username"]


async def test_passwords_are_stored_as_argon2id(client: httpx.AsyncClient, app: Any) -> None:
    await register(client, "cleo")
    async with app.state.database.reading() as connection:
        rows = await connection.exec_driver_sql("SELECT password_hash FROM users")
        assert rows.scalar_one().startswith("$argon2id$")
