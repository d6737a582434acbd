"""Whose an address or a name is, as far as its owner has said so in public. Pure.

- GitHub Pages: "Managing a custom domain for your GitHub Pages site",
  https://docs.github.com/en/pages/configuring-a-custom-domain-for-your-github-pages-site
  (four A and four AAAA records for a domain of its own, ``OWNER.github.io`` for one below it).
- Netlify: "Configure external DNS for a custom domain",
  https://docs.netlify.com/manage/domains/configure-domains/configure-external-dns/
  (``apex-loadbalancer.netlify.com`` where the provider has ALIAS, ANAME or flattened CNAME
  records, else 75.2.60.5; ``SITE.netlify.app`` for a name below a domain).
- Amazon S3: "Website endpoints",
  https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteEndpoints.html; which regions have
  a dash: https://docs.aws.amazon.com/general/latest/gr/s3.html#s3_website_region_endpoints
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from tenfold.spec import places
from tenfold.spec.publish import GITHUB, NETLIFY, PublishTable

GITHUB_V4: Final = ("185.199.108.153", "185.199.109.153", "185.199.110.153", "185.199.111.153")
GITHUB_V6: Final = (
    "2606:50c0:8000::153",
    "2606:50c0:8001::153",
    "2606:50c0:8002::153",
    "2606:50c0:8003::153",
)
GITHUB_ADDRESSES: Final = frozenset((*GITHUB_V4, *GITHUB_V6))
GITHUB_NAMES: Final = ".github.io"
NETLIFY_V4: Final = "75.2.60.5"
NETLIFY_APEX: Final = "apex-loadbalancer.netlify.com"
NETLIFY_NAMES: Final = ".netlify.app"
_AMAZON: Final = ".amazonaws.com"
_DASHED: Final = frozenset({
    "us-east-1", "us-west-1", "us-west-2", "us-gov-west-1", "eu-west-1", "sa-east-1",
    "ap-southeast-1", "ap-southeast-2", "ap-northeast-1",
})  # fmt: skip


def whose(value: str, publish: PublishTable | None = None) -> str:
    """In a few words, whose an address or a name is; empty where nobody said.

    Args:
        value: an address, or a name without a dot at the end.
        publish: where the site is published to: its own server is known, too.
    """
    if value in GITHUB_ADDRESSES:
        return "GitHub Pages"
    if value.endswith(GITHUB_NAMES):
        return f"GitHub Pages of {value.removesuffix(GITHUB_NAMES).rpartition('.')[2]}"
    if value in (NETLIFY_V4, NETLIFY_APEX):
        return "Netlify"
    if value.endswith(NETLIFY_NAMES):
        return f"{value.removesuffix(NETLIFY_NAMES)} at Netlify"
    if value.endswith(_AMAZON) and ".s3" in f".{value}":
        return "a bucket at Amazon"
    server = "" if publish is None else server_of(publish)
    if server and (value == server or value.endswith(f".{server}")):
        return f"the {'bucket' if publish and publish.kind == 'bucket' else 'server'} of [publish]"
    return ""


def server_of(publish: PublishTable) -> str:
    """The host that a site is published to by its own name; empty at GitHub, Netlify, Amazon."""
    match publish.kind:
        case "ssh":
            return urlsplit(publish.to).hostname or ""
        case "bucket" if publish.endpoint:
            return urlsplit(publish.endpoint).hostname or ""
        case "git" if not publish.to.startswith(GITHUB):
            return urlsplit(publish.to.removeprefix("git+")).hostname or ""
        case _:
            return ""


def owner(publish: PublishTable) -> str:
    """The user or organisation of a repository at GitHub, as the name of its pages has it."""
    return publish.to.removeprefix(GITHUB).partition("/")[0].lower()


def netlify_name(publish: PublishTable) -> str:
    """``SITE.netlify.app``; empty where ``to`` has an id or a domain, which do not say it."""
    site = publish.to.removeprefix(NETLIFY).lower()
    is_id = site.count("-") == 4 and len(site) == 36
    return "" if "." in site or is_id else f"{site}{NETLIFY_NAMES}"


def amazon_website(publish: PublishTable) -> str:
    """The name under which Amazon serves a bucket as a site."""
    between = "-" if publish.region in _DASHED else "."
    return f"{bucket(publish)}.s3-website{between}{publish.region}{_AMAZON}"


def bucket(publish: PublishTable) -> str:
    """The bucket's name."""
    return publish.to.removeprefix(places.S3).partition("/")[0]


def place(publish: PublishTable | None) -> str:
    """Where a site is published, in a word or two."""
    if publish is None:
        return "the place of before"
    if publish.to.startswith(GITHUB):
        return "GitHub Pages"
    named = {"netlify": "Netlify", "bucket": "the bucket", "ssh": "", "git": ""}[publish.kind]
    return named or server_of(publish) or "the published site"


def speaks_https(publish: PublishTable | None) -> bool:
    """Whether visitors of the published site come over https, as far as that is known."""
    return publish is not None and (publish.kind == "netlify" or publish.to.startswith(GITHUB))
