#!/bin/sh
# Start the frozen installer through the loader and the C library that it brings along, whatever this system has.
here=$(CDPATH='' cd -- "${0%/*}" && pwd -P) || exit
for loader in "$here"/_internal/ld-*.so.*; do :; done
# PyInstaller's program starts itself once more to find its libraries; these say that this has happened. The loader
# knows where they are, so LD_LIBRARY_PATH stays the caller's own, and no /proc is needed to find the program.
_PYI_ARCHIVE_FILE=$here/app
_PYI_APPLICATION_HOME_DIR=$here/_internal
_PYI_PARENT_PROCESS_LEVEL=-1
export _PYI_ARCHIVE_FILE _PYI_APPLICATION_HOME_DIR _PYI_PARENT_PROCESS_LEVEL
exec "$loader" --library-path "$here/_internal" "$here/app" "$@"
