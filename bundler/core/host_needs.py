"""What a bundle wants of its hosts' kernels, as labels carry it from the catalogue to the site."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

MODULES: Final = "io.bundler.hosts.modules"  # words parted by blanks
SYSCTLS: Final = "io.bundler.hosts.sysctls"  # KEY=NUMBER, at least so much, parted by blanks
_MODULE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SETTING: Final = re.compile(r"([a-z0-9_-]+(?:\.[a-z0-9_-]+)+)=([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class HostNeeds:
    """Kernel modules, and settings by their name with dots and the least value that will do."""

    modules: tuple[str, ...] = ()
    sysctls: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Self:
        """What the labels say; what can't be a module or a setting is left out."""
        return cls().also(labels.get(MODULES, "").split(), labels.get(SYSCTLS, "").split())

    def also(self, modules: Iterable[str], sysctls: Iterable[str]) -> Self:
        """With these too; of a setting that is there already the higher value counts."""
        least = dict(self.sysctls)
        for found in filter(None, map(_SETTING.fullmatch, sysctls)):
            least[found[1]] = max(int(found[2]), least.get(found[1], 0))
        every = tuple(sorted({*self.modules, *filter(_MODULE.fullmatch, modules)}))
        return type(self)(every, tuple(sorted(least.items())))

    @property
    def labels(self) -> Mapping[str, str]:
        """As labels, none for what is not wanted."""
        found = {
            MODULES: " ".join(self.modules),
            SYSCTLS: " ".join(f"{key}={value}" for key, value in self.sysctls),
        }
        return {name: text for name, text in found.items() if text}

    @property
    def paths(self) -> str:
        """The settings by their paths below /proc/sys, parted by blanks."""
        return " ".join(f"{key.replace('.', '/')}={value}" for key, value in self.sysctls)
