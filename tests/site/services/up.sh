#!/bin/bash
# up.sh [--status] [SERVICE...]: start services in the box with what they need, or tell which answer.
set -euo pipefail
cd "$(dirname "$0")"
logs=/var/log/site
mkdir -p "$logs"

ALL=(mariadb slurm condor krb5 pki voms xrootd rucio) # in an order in which they can start
declare -A NEEDS=([slurm]=mariadb [voms]="mariadb pki" [xrootd]="krb5 pki" [rucio]="pki voms xrootd")

call() { bash -c '. ./lib.sh; . "./$1.sh"; "$2"' _ "$@"; } # SERVICE FUNCTION; not in a condition here: set -e must hold

wanted() { # SERVICE...: these and all that they need
    local service
    for service in "$@"; do
        # shellcheck disable=SC2086  # one word per service
        wanted ${NEEDS[$service]:-}
        echo "$service"
    done
}

bring_up() {
    local service=$1 began=${EPOCHREALTIME/./} log=$logs/$1.log
    if call "$service" ready >/dev/null 2>&1; then
        echo "$service: up"
        return
    fi
    call "$service" start >"$log" 2>&1 || { tail -n 20 "$log" >&2; echo "$service: failed, see $log" >&2; return 1; }
    echo "$service: up after $(((${EPOCHREALTIME/./} - began) / 1000)) ms"
}

if [ "${1:-}" = --status ]; then
    for service in "${ALL[@]}"; do
        if call "$service" ready >/dev/null 2>&1; then echo "$service: up"; else echo "$service: down"; fi
    done
    exit
fi
[ $# -gt 0 ] || set -- "${ALL[@]}"
for service in "$@"; do
    [ -e "$service.sh" ] && [[ " ${ALL[*]} " == *" $service "* ]] || { echo "no such service: $service (${ALL[*]})" >&2; exit 2; }
done
chosen=" $(wanted "$@" | tr '\n' ' ')"
for service in "${ALL[@]}"; do
    [[ $chosen != *" $service "* ]] || bring_up "$service"
done
