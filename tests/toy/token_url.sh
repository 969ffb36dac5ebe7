# shellcheck shell=bash disable=SC2034,SC2154
# URLs that are opened with the toy token.

open_token() { curl+=(--header "Authorization: $TOKEN_SCHEME $(<"$TOKEN_FILE")"); }
