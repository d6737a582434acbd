import os

from flask import Flask

from ledgerbook.models import db, migrate


def create_app(config=None):
    app = Flask(__name__)
    app.config.from_mapping(
        SECRET_KEY=os.environ.get("SECRET_KEY", "dev"),
        SQLALCHEMY_DATABASE_URI=os.environ.get("DATABASE_URL", "sqlite:///ledgerbook.db"),
        SQLALCHEMY_ENGINE_OPTIONS={"pool_pre_ping": True},
    )
    app.config.update(config or {})
    db.init_app(app)
    migrate.init_app(app, db)

    from ledgerbook.views import pages

    app.register_blueprint(pages)
    return app
