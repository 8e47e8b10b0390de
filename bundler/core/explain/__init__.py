"""Errors by their stable ids: what `bundler explain` and docs/errors.md say of them. Pure."""

from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.explain.bundles import BUNDLES
from bundler.core.explain.cluster import CLUSTER
from bundler.core.explain.codes import CODES
from bundler.core.explain.hosts import HOSTS
from bundler.core.explain.model import Explanation
from bundler.core.explain.upgrades import UPGRADES

GROUPS: Final = MappingProxyType(
    {
        "The site and its cluster": CLUSTER,
        "Upgrades and the way back": UPGRADES,
        "Single hosts": HOSTS,
        "Bundles, keys and registries": BUNDLES,
        "Everything else, by exit code": CODES,
    }
)
EXPLANATIONS: Final = MappingProxyType({each.id: each for group in GROUPS.values() for each in group})


def explanation(word: str) -> Explanation:
    """Of an id, in any case and with or without its prefix; or of an exit code, `10` or `HOST`.

    Raises BundlerError (NOT_FOUND), with the ids that are meant perhaps.
    """
    name = word.upper().replace("_", "-")
    if name.isdecimal() and (code := next((each for each in CODES if each.code == int(name)), None)):
        return code
    wanted = name if name.startswith("BND-") else f"BND-{name}"
    if found := EXPLANATIONS.get(wanted):
        return found
    close = get_close_matches(wanted, EXPLANATIONS, n=3)
    raise BundlerError(
        f"there is no error {word[:60]!r}",
        code=ExitCode.NOT_FOUND,
        fix=f"did you mean {', '.join(close)}?" if close else "see all of them: explain, without a name",
    )


def answer(word: str) -> str:
    """What `explain` prints: one explanation, or the list without a word. Raises as `explanation`."""
    return explanation(word).text() if word else listing()


def listing() -> str:
    """All ids with their titles, in groups; lines for a terminal."""
    width = max(map(len, EXPLANATIONS))
    groups = (
        "\n".join([f"{title}:", *(f"  {each.id:<{width}}  {each.title}" for each in group)])
        for title, group in GROUPS.items()
    )
    return "\n\n".join(groups)


def page() -> str:
    """docs/errors.md, whole."""
    sections = (
        f"## {title}\n\n" + "\n".join(each.markdown() for each in group) for title, group in GROUPS.items()
    )
    return (
        "# Errors by id\n\n"
        "Every error starts with its id: `error[BND-QUORUM] …`. Ids are stable, the words around are not.\n"
        "`bundler explain ID` and `./product.run explain ID` print the same without a browser.\n"
        "Faults of a Kubefile or Clusterfile carry a rule in brackets instead, beside file and line.\n\n"
    ) + "\n".join(sections)
