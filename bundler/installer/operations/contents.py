"""What deciding reads of an open .run: of one platform, or of all that the hosts of a site have."""

from collections.abc import Callable, Collection, Iterable

from bundler.core.archive.platforms import choose
from bundler.core.archive.reader import Bundle
from bundler.core.index import Index
from bundler.installer.handout.images import choices
from bundler.installer.plan.contents import MAX_TEXT, Contents
from bundler.installer.plan.mixed import united


def contents_of(
    bundle: Bundle, wanted: Callable[[Index], Iterable[str]], architectures: Collection[str] = ()
) -> Contents:
    """Of the bundle's own platform, and of further ones that machines of these architectures need.

    wanted: the members to read. Raises BundlerError (INTEGRITY).
    """
    own = _one(bundle, wanted)
    fitting = {choose(bundle.platforms, architecture) for architecture in architectures}
    others = [each for each in bundle.platforms if each in fitting and each != bundle.index.platform]
    if not others:
        return own
    return united(own, (_one(bundle.of(platform), wanted) for platform in others), choices(bundle))


def _one(bundle: Bundle, wanted: Callable[[Index], Iterable[str]]) -> Contents:
    paths = dict.fromkeys(wanted(bundle.index))
    files = {path: bundle.read(bundle.member(path), limit=MAX_TEXT) for path in paths}
    return Contents(bundle.index, files, bundle.platforms)
