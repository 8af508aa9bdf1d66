"""What a flavor is: LLD's command line for one object format, in small parts.

The vocabulary follows Meson's linkers: each capability is a method that returns a list of
arguments. What a format can do without defaults to []; what it must have is abstract; a form of
LLD that cannot link the format is refused by name. A flavor's file says only how it differs.

Pure: nothing is run or looked up here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from packageimage.model.errors import PackageImageError

from .linker import unfit

if TYPE_CHECKING:
    from packageimage.model.platform import Platform

    from .linker import Kind, Linker

OUTPUT = "{output}"
"""Stands for the output's path in a command line: the link stage links into another name first."""

OUTPUT_NAME = "{name}"
"""Stands for the output's file name."""


class Flavor(ABC):
    """LLD's personality for one object format."""

    object_format: ClassVar[str]

    forms: ClassVar[Mapping[Kind, tuple[str, ...]]]
    """For each form of LLD that links this format, the words that select the flavor."""

    def selection(self, linker: Linker) -> list[str]:
        """The words after `linker`'s command that make it this flavor.

        Raises PackageImageError when that form of LLD cannot link the format.
        """
        if linker.kind not in self.forms:
            raise unfit(self.object_format, self.forms, linker)
        return list(self.forms[linker.kind])

    @abstractmethod
    def library_args(self) -> list[str]:
        """Make a shared library."""

    @abstractmethod
    def machine_args(self, platform: Platform) -> list[str]:
        """State the machine, so that objects for another are refused."""

    @abstractmethod
    def reproducible_args(self) -> list[str]:
        """Equal inputs give equal bytes: no time stamps, no random or path-derived ids."""

    @abstractmethod
    def standalone_args(self) -> list[str]:
        """Nothing is searched for and nothing may stay undefined (D1)."""

    def entry_args(self) -> list[str]:
        """Code that runs when the library is loaded."""
        return []

    def install_name_args(self) -> list[str]:
        """The name that the library calls itself."""
        return []

    def hardening_args(self) -> list[str]:
        """Memory that should not be written to or executed is not."""
        return []

    def fixup_args(self, linker: Linker) -> list[str]:
        """How pointers are written for the system's loader to relocate."""
        return []

    def table_args(self) -> list[str]:
        """Which tables the system's loader and unwinder get."""
        return []

    def dead_code_args(self) -> list[str]:
        """Leave out what nothing refers to."""
        return []

    def signing_args(self) -> list[str]:
        """Sign the code."""
        return []

    def output_args(self, output: str) -> list[str]:
        return ["-o", output]

    def known_machine(self, platform: Platform, names: Mapping[str, str]) -> str:
        """What the linker calls the platform's architecture.

        Raises PackageImageError for one that is not in `names`.
        """
        if platform.arch not in names:
            raise PackageImageError(
                f"linking {self.object_format} knows the machines {', '.join(names)}, found "
                f"{platform.arch}; choose another platform"
            )
        return names[platform.arch]

    def flags(self, linker: Linker, platform: Platform) -> list[str]:
        """All that stands between the selection of the flavor and the output's name.

        The order is fixed: the command line is part of a build's signature.
        """
        return [
            *self.machine_args(platform),
            *self.library_args(),
            *self.entry_args(),
            *self.install_name_args(),
            *self.reproducible_args(),
            *self.standalone_args(),
            *self.hardening_args(),
            *self.fixup_args(linker),
            *self.table_args(),
            *self.dead_code_args(),
            *self.signing_args(),
        ]

    def command(
        self, linker: Linker, platform: Platform, inputs: Iterable[str], output: str = OUTPUT
    ) -> list[str]:
        """The whole command line. The inputs come last, after the output's name: the link stage
        knows them by that.

        Raises PackageImageError for a form of LLD or a machine that the flavor cannot link.
        """
        return [
            *linker.command,
            *self.selection(linker),
            *self.flags(linker, platform),
            *self.output_args(output),
            *inputs,
        ]
