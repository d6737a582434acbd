"""Where the parts of a release lie in it, and from which of them code is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tenfold.release.copying import Contents
from tenfold.release.source import Source, survey


@dataclass(frozen=True, slots=True)
class Extra:
    """A folder outside of the project that the environment imports from; it is released, too."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class Layout:
    """Import directories relative to the release, and the folders that come from elsewhere."""

    paths: tuple[str, ...]
    extras: tuple[Extra, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person might not expect to be released."""
        return tuple(
            f"{extra.source.root} is released, too: the environment imports from it"
            for extra in self.extras
        )


def arrange(project: Path, named: Sequence[str], folders: Sequence[Path]) -> Layout:
    """Map the directories that code is imported from into the release.

    ``named`` are those of ``pythonpath`` in tenfold.toml; ``folders`` those of editable installs.

    Raises:
        ReleaseError: a folder outside of the project cannot be released.
    """
    paths = [str(PurePosixPath("app", path)) for path in named]
    extras: list[Extra] = []
    for folder in folders:
        real = folder.resolve()
        if real.is_relative_to(project):
            paths.append(str(PurePosixPath("app", real.relative_to(project))))
        else:
            name = f"extra/{len(extras)}-{real.name or 'root'}"
            extras.append(Extra(name, survey(real)))
            paths.append(name)
    return Layout(tuple(dict.fromkeys(paths)), tuple(extras))


def below(name: str, contents: Contents) -> Contents:
    """Contents as they are called one folder up."""
    return {f"../{name}/{path}": entry for path, entry in contents.items()}


def write(contents: Mapping[str, bytes], directory: Path) -> None:
    """Write a few small files.

    Raises:
        ValueError: a path leads out of the directory.
    """
    for path, raw in contents.items():
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise ValueError(f"{path} leads out of {directory}")
        file = directory / path
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        file.write_bytes(raw)
        file.chmod(0o644)
