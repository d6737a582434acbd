"""The other way to GitHub Pages: a workflow that GitHub runs when the repository changes. Pure.

As docs.github.com describes it ("Using custom workflows with GitHub Pages"): an artifact of the
folder, deployed by an action, with rights for that and no others.
"""

from __future__ import annotations

import json
from typing import Final

PATH: Final = ".github/workflows/pages.yml"


def workflow(folder: str, branch: str) -> str:
    """The file's text: whenever ``branch`` changes, the folder of it is published."""
    # JSON texts are YAML texts, whatever is in them.
    return f"""\
# Publishes {json.dumps(folder)} of this repository with GitHub Pages.
# Say once, under Settings, Pages: Source, GitHub Actions.
name: Pages

on:
  push:
    branches: [{json.dumps(branch)}]
  workflow_dispatch:

permissions:
  contents: read
  pages: write
  id-token: write

# One at a time; what is under way comes to its end.
concurrency:
  group: pages
  cancel-in-progress: false

jobs:
  publish:
    runs-on: ubuntu-latest
    environment:
      name: github-pages
      url: ${{{{ steps.publish.outputs.page_url }}}}
    steps:
      - uses: actions/checkout@v4
      # A step here may build the folder, where it is not in the repository.
      - uses: actions/configure-pages@v5
      - uses: actions/upload-pages-artifact@v3
        with:
          path: {json.dumps(folder)}
      - id: publish
        uses: actions/deploy-pages@v4
"""
