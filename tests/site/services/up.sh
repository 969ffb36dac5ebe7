#!/bin/bash
# up.sh [SERVICE...]: start services in the box, and the services that they need.
# up.sh --status | --end: print which of them answer; end them all.
set -euo pipefail
cd "$(dirname "$0")"
logs=/var/log/site
mkdir -p "$logs"

ALL=(mariadb slurm condor krb5 pki voms xrootd rucio) # in the order in which they can start
declare -A NEEDS=([slurm]=mariadb [voms]="mariadb pki" [xrootd]="krb5 pki" [rucio]="pki voms xrootd")
declare -A LOGS=([slurm]=/var/log/slurm [condor]=/var/log/condor [voms]=/var/log/voms [xrootd]=/var/log/xrootd [rucio]=/var/log/rucio)

call() { bash -c '. ./lib.sh; . "./$1.sh"; "$2"' _ "$@"; } # SERVICE FUNCTION; never call this in a condition, because set -e must work

wanted() { # SERVICE...: these and all services that they need
    local service
    for service in "$@"; do
        # shellcheck disable=SC2086  # one word per service
        wanted ${NEEDS[$service]:-}
        echo "$service"
    done
}

# Print one line: the last fatal error, or else the last error, in the logs of a service since its start.
last_words() { # SERVICE
    local log=$logs/$1.log word said
    for word in fatal error; do
        said=$(find "$log" "${LOGS[$1]:-$log}" -type f -newer "$log.began" -exec grep -iHw "$word" {} + 2>/dev/null | tail -n 1)
        [ -z "$said" ] || { echo "$said"; return; }
    done
    tail -n 1 "$log"
}

bring_up() {
    local service=$1 began=${EPOCHREALTIME/./} log=$logs/$1.log
    if call "$service" ready >/dev/null 2>&1; then
        echo "$service: up"
        return
    fi
    touch "$log.began"
    call "$service" start >"$log" 2>&1 || { echo "$service did not come up: $(last_words "$service")" >&2; return 1; }
    echo "$service: up after $(((${EPOCHREALTIME/./} - began) / 1000)) ms"
}

others() { ps -eo pid=,comm= | awk -v self=$$ '$1 != 1 && $1 != self && $2 !~ /^(bash|sleep|ps|awk)$/ {print $2}'; }

# Shut all services down cleanly, so that their files are complete.
end_all() {
    local number
    for ((number = ${#ALL[@]} - 1; number >= 0; number--)); do call "${ALL[number]}" finish; done
    kill -TERM -1
    for ((number = 0; number < 300; number++)); do
        [ -n "$(others)" ] || { find /tmp -mindepth 1 -delete; return; }
        sleep 0.1
    done
    echo "did not end: $(others | sort -u | paste -sd' ')" >&2
    return 1
}

if [ "${1:-}" = --status ]; then
    for service in "${ALL[@]}"; do
        if call "$service" ready >/dev/null 2>&1; then echo "$service: up"; else echo "$service: down"; fi
    done
    exit
fi
if [ "${1:-}" = --end ]; then
    end_all
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
