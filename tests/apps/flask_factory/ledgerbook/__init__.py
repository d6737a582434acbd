import os

from flask import Flask

from ledgerbook.models import db, migrate


def database_url():
    url = os.environ.get("DATABASE_URL", "sqlite:///ledgerbook.db")
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def create_app(config=None):
    app = Flask(__name__)
    app.config.from_mapping(
        SECRET_KEY=os.environ.get("SECRET_KEY", "dev"),
        SQLALCHEMY_DATABASE_URI=database_url(),
        SQLALCHEMY_ENGINE_OPTIONS={"pool_pre_ping": True},
    )
    app.config.update(config or {})
    db.init_app(app)
    migrate.init_app(app, db)

    from ledgerbook.views import pages

    app.register_blueprint(pages)
    return app
