#!/bin/sh
# contacts.sh FILE - a colon-separated file as a source of contactor, by awk:
#   id:name:room:business number:mobile number
# Names may hold quotes and backslashes; lines that begin with # are comments.
set -eu
awk -F: '
function text(s) { gsub(/["\\]/, "\\\\&", s); gsub(/[\001-\037]/, " ", s); return s }
/^#/ || NF == 0 { next }
NF < 4 || $1 == "" {
    printf "{\"reject\":\"line %d\",\"reason\":\"needs id:name:room:number\"}\n", NR
    next
}
{
    printf "{\"id\":\"%s\",\"display_name\":\"%s\",\"x_room\":\"%s\"", text($1), text($2), text($3)
    printf ",\"phone_business\":\"%s\",\"phone_mobile\":\"%s\"}\n", text($4), text($5)
}
END { if (NR == 0) exit 1; print "{\"done\":true}" }' "$1"
