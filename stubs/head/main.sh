ask='' silent='' json='' wanted='' target='' keep='' nostart='' nodiskspace='' private='' made=''
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h | --version | --info | --list | --check)
        [ -z "$ask" ] || fail $usage "$1 and --$ask are two questions" "" "ask one after the other"
        ask=${1#-} ask=${ask#-}
        ;;
    --json) [ "$ask" = list ] || break; json=yes ;;
    --quiet) silent=yes BUNDLER_QUIET=yes && export BUNDLER_QUIET ;;
    --noprogress) BUNDLER_NOPROGRESS=yes && export BUNDLER_NOPROGRESS ;;
    --accept) ;;
    --nodiskspace) nodiskspace=yes ;;
    --noexec) nostart=yes ;;
    --keep) keep=yes ;;
    --target=?*) target=${1#*=} ;;
    --target)
        [ -n "${2:-}" ] || fail $usage "--target needs a folder"
        target=$2
        shift
        ;;
    --platform=?*) wanted=${1#*=} ;;
    --platform)
        [ -n "${2:-}" ] || fail $usage "--platform needs one of $(platforms)"
        wanted=$2
        shift
        ;;
    --) shift && break ;;
    *) break ;;
    esac
    shift
done
case $target in '' | /*) ;; *) target=$PWD/$target ;; esac

[ -n "$self" ] || fail $usage "cannot find this file as $0" "" "start it as sh FILE or ./FILE, not through a pipe"
[ -z "$ask" ] || [ $# -eq 0 ] || fail $usage "--$ask takes nothing behind it, but there is: $1"
case $ask in
help | h) help && exit ;;
version) echo "$name $version" && exit ;;
esac
need dd head
whole
[ -z "$ask" ] || choose_platform
case $ask$json in
info)
    part "$info_offset" "$info_length"
    echo "signed by: $(signer)"
    exit
    ;;
list) part "$list_offset" "$list_length"; exit ;;
listyes) part "$index_offset" "$index_length"; exit ;;
check)
    need cat sha256sum tail tr wc
    choose_sha256
    check
    exit
    ;;
esac

[ -z "$wanted" ] || [ -n "$nostart" ] ||
    fail $usage "--platform is for --info, --list and --noexec" "" "some commands take it: extract --platform $wanted ..."
need cat chmod gzip id ls mkdir mv rm rmdir sha256sum tail tar uname
fit_architecture
if [ -n "$nostart" ]; then
    [ $# -eq 0 ] || fail $usage "--noexec starts nothing, but there is a command: $1"
    set -- extract '*' ${wanted:+--platform "$wanted"} --target "${target:-$PWD/$name-$version}"
    target=''
fi
trap clean EXIT
trap 'exit $interrupted' HUP INT TERM
me=$(id -u)
place "$target" "$@"
BUNDLER_RUN_FILE=$self
BUNDLER_RUNTIME=$runtime
BUNDLER_ARGV0=$0
BUNDLER_PLATFORM=$edition
export BUNDLER_RUN_FILE BUNDLER_RUNTIME BUNDLER_ARGV0 BUNDLER_UMASK BUNDLER_PLATFORM
[ -n "$private" ] || exec "$runtime/start" "$@"
"$runtime/start" "$@"
exit  # behind this line the file is no script
