"""The tables. Every one has a primary key; every list in the app has an index in its order."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    desc,
    func,
    text,
)

# Constraint names are fixed, so that migrations can name them.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[Any]:
    return Column("id", BigInteger, Identity(), primary_key=True)


def _text(name: str, **options: Any) -> Column[Any]:
    return Column(name, Text, **{"nullable": False, **options})


def _moment(name: str) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def _points_to(name: str, table: str, **options: Any) -> Column[Any]:
    key = ForeignKey(f"{table}.id", ondelete="CASCADE")
    return Column(name, BigInteger, key, **{"nullable": False, **options})


def _counter(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


# Somebody who can sign in. Names and addresses are unique whatever their case.
users = Table(
    "users",
    metadata,
    _id(),
    _text("username"),
    _text("email"),
    _text("password_hash"),
    _text("bio", nullable=True),
    _text("image", nullable=True),
    # Counts password changes: what was signed in an earlier epoch is no longer accepted, except
    # from the session that made the last change.
    _counter("epoch"),
    _text("trusted_sid", nullable=True),
    _moment("created_at"),
    _moment("updated_at"),
)
Index("uq_users_username_lower", func.lower(users.c.username), unique=True)
Index("uq_users_email_lower", func.lower(users.c.email), unique=True)

# The body is Markdown as it was typed; cover is the name of a file in the media directory.
articles = Table(
    "articles",
    metadata,
    _id(),
    _text("slug", unique=True),
    _text("title"),
    _text("description"),
    _text("body"),
    _text("cover", nullable=True),
    _points_to("author_id", "users"),
    # Kept in step with favorites by the statement that changes either (store/social.py).
    _counter("favorites_count"),
    _moment("created_at"),
    _moment("updated_at"),
    CheckConstraint("favorites_count >= 0", name="favorites_count"),
)
_newest = (desc(articles.c.created_at), desc(articles.c.id))
Index("ix_articles_newest", *_newest)
Index("ix_articles_author_newest", articles.c.author_id, *_newest)

# The tags of an article, at the place where its author put each.
article_tags = Table(
    "article_tags",
    metadata,
    _points_to("article_id", "articles", primary_key=True),
    _text("tag", primary_key=True),
    Column("position", BigInteger, nullable=False),
)
Index("ix_article_tags_tag", article_tags.c.tag, article_tags.c.article_id)

comments = Table(
    "comments",
    metadata,
    _id(),
    _points_to("article_id", "articles"),
    _points_to("author_id", "users", index=True),
    _text("body"),
    _moment("created_at"),
    _moment("updated_at"),
)
Index(
    "ix_comments_article_newest",
    comments.c.article_id,
    desc(comments.c.created_at),
    desc(comments.c.id),
)

# The keys make liking or following twice the same as once.
favorites = Table(
    "favorites",
    metadata,
    _points_to("user_id", "users", primary_key=True),
    _points_to("article_id", "articles", primary_key=True, index=True),
    _moment("created_at"),
)

follows = Table(
    "follows",
    metadata,
    _points_to("follower_id", "users", primary_key=True),
    _points_to("followed_id", "users", primary_key=True, index=True),
    _moment("created_at"),
    CheckConstraint("follower_id <> followed_id", name="not_oneself"),
)

# What the app made for itself because the environment gave none (keys.py).
app_secrets = Table(
    "app_secrets",
    metadata,
    _text("name", primary_key=True),
    _text("value"),
    _moment("created_at"),
)
