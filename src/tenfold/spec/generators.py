"""How programs that make static sites are installed, where one is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OF_NODE: Final = "npm ci    installs what package.json names (npm install, where there is no lock)"
_BUNDLER: Final = "install Bundler (apt install bundler), then  bundle install"
INSTALL: Final[Mapping[str, str]] = {
    "hugo": "install Hugo: apt install hugo, or see https://gohugo.io/installation",
    "jekyll": "install Jekyll: apt install jekyll, or see https://jekyllrb.com/docs/installation",
    **dict.fromkeys(("bundle", "bundler"), _BUNDLER),
    **dict.fromkeys(("node", "npm", "npx"), "install Node.js with npm: see https://nodejs.org"),
    **dict.fromkeys(("yarn", "pnpm"), "corepack enable    brings yarn and pnpm with Node.js"),
    **dict.fromkeys(("next", "astro", "vite", "eleventy", "gatsby", "nuxt", "tsc"), OF_NODE),
    "mkdocs": ".venv/bin/pip install mkdocs    in the project: .venv/bin is on the PATH of build",
    "pelican": ".venv/bin/pip install pelican    in the project: .venv/bin is on the PATH of build",
}
