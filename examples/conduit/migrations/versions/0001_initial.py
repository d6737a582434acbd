"""The first tables.

Revision: 0001, after nothing
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table of the first release."""
    _people()
    _articles()
    _below_articles()
    op.create_table(
        "app_secrets",
        _text("name"),
        _text("value"),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("name", name="pk_app_secrets"),
    )


def downgrade() -> None:
    """Drop them again, with everything in them."""
    for table in (
        "app_secrets",
        "favorites",
        "comments",
        "article_tags",
        "articles",
        "follows",
        "users",
    ):
        op.drop_table(table)


def _people() -> None:
    op.create_table(
        "users",
        _id(),
        _text("username"),
        _text("email"),
        _text("password_hash"),
        _text("bio", nullable=True),
        _text("image", nullable=True),
        _number("epoch", server_default=sa.text("0")),
        _text("trusted_sid", nullable=True),
        _moment("created_at"),
        _moment("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
    )
    for column in ("username", "email"):
        lowered = sa.func.lower(sa.column(column))
        op.create_index(f"uq_users_{column}_lower", "users", [lowered], unique=True)
    op.create_table(
        "follows",
        _number("follower_id"),
        _number("followed_id"),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("follower_id", "followed_id", name="pk_follows"),
        _points_to("follows", "follower_id", "users"),
        _points_to("follows", "followed_id", "users"),
        sa.CheckConstraint("follower_id <> followed_id", name="not_oneself"),
    )
    op.create_index("ix_follows_followed_id", "follows", ["followed_id"])


def _articles() -> None:
    op.create_table(
        "articles",
        _id(),
        _text("slug"),
        _text("title"),
        _text("description"),
        _text("body"),
        _text("cover", nullable=True),
        _number("author_id"),
        _number("favorites_count", server_default=sa.text("0")),
        _moment("created_at"),
        _moment("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_articles"),
        sa.UniqueConstraint("slug", name="uq_articles_slug"),
        _points_to("articles", "author_id", "users"),
        sa.CheckConstraint("favorites_count >= 0", name="favorites_count"),
    )
    newest = [sa.text("created_at DESC"), sa.text("id DESC")]
    op.create_index("ix_articles_newest", "articles", newest)
    op.create_index("ix_articles_author_newest", "articles", ["author_id", *newest])


def _below_articles() -> None:
    op.create_table(
        "article_tags",
        _number("article_id"),
        _text("tag"),
        _number("position"),
        sa.PrimaryKeyConstraint("article_id", "tag", name="pk_article_tags"),
        _points_to("article_tags", "article_id", "articles"),
    )
    op.create_index("ix_article_tags_tag", "article_tags", ["tag", "article_id"])
    op.create_table(
        "comments",
        _id(),
        _number("article_id"),
        _number("author_id"),
        _text("body"),
        _moment("created_at"),
        _moment("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_comments"),
        _points_to("comments", "article_id", "articles"),
        _points_to("comments", "author_id", "users"),
    )
    newest = [sa.text("created_at DESC"), sa.text("id DESC")]
    op.create_index("ix_comments_article_newest", "comments", ["article_id", *newest])
    op.create_index("ix_comments_author_id", "comments", ["author_id"])
    op.create_table(
        "favorites",
        _number("user_id"),
        _number("article_id"),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("user_id", "article_id", name="pk_favorites"),
        _points_to("favorites", "user_id", "users"),
        _points_to("favorites", "article_id", "articles"),
    )
    op.create_index("ix_favorites_article_id", "favorites", ["article_id"])


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False)


def _text(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=False, **options)


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def _points_to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}"
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete="CASCADE")
