"""Emoji: 1,832 small colour pictures, from faces to flags.

EmojiOne 2.2.7 at 64 x 64, with transparency, here on white; a tenth is kept for testing, chosen by the hash of the
name. Flags and families come in long rows of near copies, so a test picture may have a twin among those for training.
They cannot be downloaded one file at a time: put the folder `assets/png` of the release, zipped, where MANIGEN_DATA
says, as `emojione/emojione_64x64_png.zip`.

Source: EmojiOne, http://emojione.com, version 2.2.7 (https://github.com/Teamwork/emojione at commit 3d81ba9);
licence of the artwork CC BY 4.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manigen.cards import Card
from manigen.datasets import own
from manigen.datasets.base import Images, data_folder
from manigen.errors import DataMissing

FILE = "emojione/emojione_64x64_png.zip"

card = Card(
    title="Emoji",
    sentence="1,832 emoji of 64 x 64 pixels in colour: faces, animals, food, flags and signs.",
    reference="EmojiOne 2.2.7, 2017",
    link="http://emojione.com",
    facts={"shape": (3, 64, 64), "licence": "CC BY 4.0, artwork by EmojiOne, http://emojione.com"},
)


@dataclass(frozen=True)
class Zip:
    """The one file, wherever MANIGEN_DATA says."""

    name: str = "emoji"

    def found(self) -> tuple[bool, str]:
        """Return whether the file is on this machine, and where it is looked for."""
        folder = data_folder()
        path = folder / FILE if folder is not None else Path("MANIGEN_DATA") / FILE
        return path.is_file(), str(path.parent)

    def fetch(self, progress: Any = False) -> tuple[Path, ...]:
        """Return the file's path; raise `DataMissing` with what to do where it is not there."""
        here, where = self.found()
        if not here:
            raise DataMissing(
                f"The emoji are not on this machine: zip the folder assets/png of EmojiOne 2.2.7 as {FILE} in a folder "
                "of your choice and set MANIGEN_DATA to that folder."
            )
        return (Path(where) / Path(FILE).name,)


files = Zip()


def read(split: str = "train", **knobs: Any) -> Images:
    """Return the pictures of one split, uint8 (n, 3, 64, 64), in the order of their names, without labels.

    Raises `DataMissing` when the file is not here, `BadFile` when it is no zip of pictures.
    """
    card.settings(knobs)
    (path,) = files.fetch()
    found = own.read(split, source=path, size=64, channels="colour")
    return Images(found.x, found.labels, (), files.name, split, skipped=found.skipped)
