"""Users and authentication."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from conduit import accounts, views
from conduit.api.deps import ReadingViewer, WritingViewer, api_token, presented_token
from conduit.database import Writing
from conduit.schemas import (
    LoginRequest,
    NewUserRequest,
    UpdateUserRequest,
    UserResponse,
    refusals,
)

router = APIRouter(tags=["User and Authentication"])


@router.post("/users", status_code=201, response_model=UserResponse)
async def register(request: Request, sent: NewUserRequest) -> Response:
    """Register a new user."""
    account = await accounts.sign_up(request.app.state.database, sent.user)
    token = await api_token(request, account.id, account.epoch)
    return views.json_response({"user": views.user(account, token)}, 201)


@router.post("/users/login", response_model=UserResponse, responses=refusals(401))
async def login(request: Request, sent: LoginRequest) -> Response:
    """Log in with an email address and a password."""
    account = await accounts.sign_in(request.app.state.database, sent.user)
    token = await api_token(request, account.id, account.epoch)
    return views.json_response({"user": views.user(account, token)})


@router.get("/user", response_model=UserResponse, responses=refusals(401))
async def current_user(request: Request, viewer: ReadingViewer) -> Response:
    """The user whose token this is."""
    token = presented_token(request) or ""
    return views.json_response({"user": views.user(viewer, token)})


@router.put("/user", response_model=UserResponse, responses=refusals(401))
async def update_user(
    request: Request, viewer: WritingViewer, connection: Writing, sent: UpdateUserRequest
) -> Response:
    """Change the fields that are sent. A new password ends all other sessions."""
    account = await accounts.change(connection, viewer, sent.user)
    token = await api_token(request, account.id, account.epoch)
    return views.json_response({"user": views.user(account, token)})
