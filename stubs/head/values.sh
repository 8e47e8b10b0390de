#!/bin/sh
# @NAME@ @VERSION@ for @PLATFORM@
#
# This file is a shell script, followed by the frozen installer, one archive with everything it installs, and a
# seal with the place and sha256 of each part (tail -c 8192 FILE | head -c 4096). The script needs a POSIX shell
# and dd, head, tail, tar, gzip, sha256sum and a few more of their kind; busybox has them all.
#
#   sh FILE --info      what it is             sh FILE --list    what is inside
#   sh FILE --version   name and version       sh FILE --check   verify every byte
#   sh FILE --help      how to install, and what else it can
set -u
# A standard output that is closed, as under cron, would make every redirection below fail.
(: 3>&1) 2>&- || [ ! -c /dev/null ] || exec >/dev/null
BUNDLER_UMASK=$(umask)
umask 077
# Settings that would change what the commands below do, or how they print it.
unset TAR_OPTIONS TAR_READER_OPTIONS TAPE GZIP CDPATH QUOTING_STYLE TIME_STYLE BLOCK_SIZE LS_BLOCK_SIZE BLOCKSIZE
unset _POSIX2_VERSION POSIXLY_CORRECT FUNCNEST

name='@NAME@' version='@VERSION@' platform='@PLATFORM@'
runtime_offset=@RUNTIME_OFFSET@ runtime_length=@RUNTIME_LENGTH@ runtime_kib=@RUNTIME_KIB@
runtime_size=@RUNTIME_SIZE@  # its length, also where it is left out and another file's is taken
runtime_sha256=@RUNTIME_SHA256@
info_offset=@INFO_OFFSET@ info_length=@INFO_LENGTH@
list_offset=@LIST_OFFSET@ list_length=@LIST_LENGTH@
index_offset=@INDEX_OFFSET@ index_length=@INDEX_LENGTH@
# Further platforms, a + between two: their names, places and lengths of runtime, index, info and list, KiB, sha256.
others='@OTHERS@'
# What this file rests on where it has only what changed; an empty runtime is that one's.
base_name='@BASE_NAME@' base_version='@BASE_VERSION@'
seal_offset=@SEAL_OFFSET@ file_size=@FILE_SIZE@
block=65536
pieces=1 piece_blocks=$((file_size / block + 1))  # of a file that is whole

# The exit codes are those of docs/exit-codes.md.
usage=2 absent=4 integrity=6 space=8 unsupported=14 interrupted=130

newline='
'
case $0 in
/*) self=$0 ;;
*) self=$PWD/$0 ;;
esac
[ -f "$self" ] || self=
home=''
fresh=''  # a folder that is being filled, removed when that fails
