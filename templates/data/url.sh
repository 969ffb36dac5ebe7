# shellcheck shell=bash disable=SC2034,SC2154
# The clients for URLs, and what servers report about a file.

# Set the parts of root://HOST//PATH.
split_root() { # URL -> $server $remote
  [[ $1 =~ ^(root://[^/]+)/(/?.*)$ ]] || fail "a root URL must be root://HOST//PATH"
  server=${BASH_REMATCH[1]}
  remote=${BASH_REMATCH[2]}
  [[ $remote == /* ]] || remote=/$remote
}

# Prepare the client for the URL's protocol.
set_client() {
  if [[ $scheme == root ]]; then
    need_program xrdcp xrdfs
    set_xrootd_patience
  else
    need_program curl
    set_curl
  fi
}

# Make xrdcp and xrdfs end transfers that hang.
set_xrootd_patience() {
  export XRD_REQUESTTIMEOUT=$timeout XRD_STREAMTIMEOUT=$timeout XRD_CONNECTIONWINDOW=$timeout
  export XRD_TIMEOUTRESOLUTION=1 XRD_CONNECTIONRETRY=1
}

# Sites with gfal2 use it for WebDAV. It follows redirections between servers, and only needs a proxy.
uses_gfal() { [[ $scheme == davs ]] && command -v gfal-copy >/dev/null; }

# Set the command line of curl, without the URL.
set_curl() { # -> $curl
  local certificates=${X509_CERT_DIR:-/etc/grid-security/certificates}
  curl=(curl --fail --silent --show-error --location --connect-timeout "$timeout" --speed-limit 1 --speed-time "$timeout")
  [[ ! -d $certificates ]] || curl+=(--capath "$certificates")
  [[ $credential == none ]] || "open_$credential"
}

# Ask the server for the size and checksums of a file. "-" means unknown.
describe_url() { # URL -> $bytes $adler32 $md5
  bytes=- adler32=- md5=-
  if [[ $scheme == root ]]; then describe_root "$1"; else describe_http "$1"; fi
}

describe_root() { # URL
  local word value
  split_root "$1"
  run xrdfs "$server" stat "$remote" || return
  while read -r word value _; do
    [[ $word != Size: ]] || bytes=$value
  done <"$scratch/said"
  xrdfs "$server" query checksum "$remote" >"$scratch/said" 2>/dev/null || return 0
  read -r word value _ <"$scratch/said"
  set_checksum "$word" "$value"
}

describe_http() { # URL
  local name value
  run "${curl[@]}" --head --header 'Want-Digest: adler32,md5' "${1/#davs:/https:}" || {
    # Some servers refuse this request, but all of them say when there is no file.
    [[ $why != *'error: 4'@(01|03|04|10)* ]] || return "$LASTING"
    [[ $why == *'error: 4'* ]] || return 1
    return 0
  }
  while IFS=': ' read -r name value; do
    value=${value%$'\r'}
    case ${name,,} in
      content-length) bytes=$value ;;
      digest) read_digest "$value" ;;
    esac
  done <"$scratch/said"
}

read_digest() { # NAME=VALUE,NAME=VALUE...
  local entry value
  while IFS= read -rd , entry; do
    value=${entry#*=}
    [[ ${entry,,} != md5=* ]] || value=$(base64 -d <<<"$value" 2>/dev/null | od -An -tx1 | tr -d ' \n')
    set_checksum "${entry%%=*}" "$value"
  done <<<"$1,"
}

set_checksum() { # NAME VALUE
  [[ $2 =~ ^[0-9A-Fa-f]+$ ]] || return 0
  case ${1,,} in
    adler32) adler32=${2,,} ;;
    md5) md5=${2,,} ;;
  esac
}
