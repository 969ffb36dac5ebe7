# shellcheck shell=bash disable=SC2034,SC2154
# URLs that are opened with a Kerberos ticket.

open_kerberos() { curl+=(--negotiate --user :); }
