# shellcheck shell=bash disable=SC2034,SC2154
# How long tickets and proxies are valid.

# The seconds for which a ticket is valid, and for which it can be renewed.
ticket_left() { # CACHE -> $left $renewable
  local text pattern='([0-9/]+ [0-9:]+) +krbtgt/[^[:space:]]+(\s+renew until ([0-9/]+ [0-9:]+))?' now
  left=0 renewable=0
  text=$(LC_ALL=C tool klist -c "$1" 2>/dev/null) || return 1
  [[ $text =~ $pattern ]] || return 1
  printf -v now '%(%s)T' -1
  left=$(($(date -d "${BASH_REMATCH[1]}" +%s) - now))
  [[ -z ${BASH_REMATCH[3]} ]] || renewable=$(($(date -d "${BASH_REMATCH[3]}" +%s) - now))
  ((left > 0))
}

# The seconds for which a proxy and its VOMS attributes are valid. Fails where no tool can tell.
proxy_left() { # FILE -> $left
  local each found=() end
  left=0
  if command -v voms-proxy-info >/dev/null; then
    mapfile -t found < <(tool voms-proxy-info --file "$1" --timeleft 2>/dev/null
      tool voms-proxy-info --file "$1" --actimeleft 2>/dev/null)
    left=${found[0]:-0}
    for each in "${found[@]}"; do ((each >= left)) || left=$each; done
  else
    end=$(tool openssl x509 -noout -enddate -in "$1" 2>/dev/null) || return 1
    left=$(($(date -d "${end#*=}" +%s) - $(date +%s)))
  fi
}
