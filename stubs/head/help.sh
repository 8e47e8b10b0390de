# No here-document: some shells write those to /tmp, which may be full.
help() {
    printf '%s\n' "$name $version for $(platforms)" '' \
        "  ./${0##*/} --clusterfile site.yaml    bring it up on your machines, over ssh; again: go on" \
        "  ./${0##*/} COMMAND --help             everything about a command:" \
        '      apply plan delete facts        the site' \
        '      extract export                 take files, images, charts, packages or the SBOM out' \
        '      serve push-images              hand them out, or over to a registry' '' \
        'Looking into the file: at once, without root, on any machine' \
        '  --info             what it is' \
        '  --list [--json]    what is inside' \
        '  --check            verify every byte' \
        '  --verify-sig       and that a trusted key has signed it; --trust FILE|KEY names more keys' \
        '  --version          name and version' \
        '  --licences         of what is in the installer, and where its source is had' \
        '  --platform OS/ARCH which of its platforms is meant, where it is for several; also with --noexec' '' \
        'In front of a command' \
        '  --target DIR       unpack the installer to DIR for this start, and remove it again' \
        '  --keep             leave it there' \
        '  --noexec           start nothing: unpack all files to --target DIR, or to ./NAME-VERSION' \
        '  --nodiskspace      do not ask how much room there is' \
        '  --quiet            say only what went wrong' \
        '  --noprogress       no moving display' \
        '  --accept           nothing: there is no licence to accept' \
        '  --                 what follows is for the command' '' \
        "TMPDIR=DIR says where to unpack ($((runtime_kib / 1024 + 1)) MiB; stays there until the machine restarts)."
}
