# shellcheck shell=bash disable=SC2034,SC2154
# URLs that are opened with a VOMS proxy.

open_voms_proxy() { curl+=(--cert "$X509_USER_PROXY" --key "$X509_USER_PROXY"); }
