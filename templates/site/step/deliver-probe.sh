# shellcheck shell=sh disable=SC2154
# Says what is there of `items`: `mount N FREE-KIBIBYTES FILE-SYSTEM`, and `placed N` or `staged N`.
while read -r n size hex mode path <&3; do
    stage
    [ "$near" = "$last" ] || {
        last=$near
        room=$(df -Pk "$near" | {
            read -r _
            read -r _ _ _ free _ mount
            echo "$free $mount"
        })
    }
    echo "mount $n $room"
    if same "$path"; then echo "placed $n"; elif same "$staged"; then echo "staged $n"; fi
done 3<<ITEMS
$items
ITEMS
