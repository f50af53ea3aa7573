"""The versions of the catalogue, by the moment from which each serves."""

from collections.abc import Iterable
from dataclasses import replace

from ocs.model import UtcMillis
from ocs.rating.catalogue import Catalogue


class Catalogues:
    """The catalogue of any moment. Versions are exchanged as a whole; those in use go on to their end."""

    def __init__(self, versions: Iterable[Catalogue]) -> None:
        self._versions: tuple[Catalogue, ...] = ()
        self.swap(versions)

    def swap(self, versions: Iterable[Catalogue]) -> None:
        """Serve these from now on. Of two with one beginning the later in order counts."""
        by_start = {each.starts: each for each in sorted(versions, key=lambda each: each.starts)}
        found = list(by_start.values())
        ends = [each.starts for each in found[1:]]
        self._versions = tuple(
            replace(each, ends=end) for each, end in zip(found, [*ends, None], strict=True)
        )

    def at(self, moment: UtcMillis) -> Catalogue:
        """The version that serves at a moment; before the first one begins, that one."""
        for each in reversed(self._versions):
            if each.starts <= moment:
                return each
        return self._versions[0]

    @property
    def latest(self) -> Catalogue:
        """The version that begins last."""
        return self._versions[-1]

    @property
    def versions(self) -> tuple[Catalogue, ...]:
        """All of them, in the order of their beginnings."""
        return self._versions
