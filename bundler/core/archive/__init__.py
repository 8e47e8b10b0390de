"""The .run file: stub, runtime, archive, index and seal, as docs/format.md lays them down."""

from bundler.core.archive.frames import FrameCache, is_compressed
from bundler.core.archive.reader import Bundle
from bundler.core.archive.seal import Seal, Section
from bundler.core.archive.writer import BundleWriter

__all__ = ["Bundle", "BundleWriter", "FrameCache", "Seal", "Section", "is_compressed"]
