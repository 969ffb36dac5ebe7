# shellcheck shell=bash
# Run a job in the environment of the user who submitted the run: variables and functions. credentials.sh has saved it.
#
#   bash batch/environment.sh SCRIPT ARGUMENT...
if [[ ! -r credentials/environment ]]; then
  echo 'reana-batch: no environment was saved; run "bash batch/credentials.sh"' >&2
  exit 95
fi
_reana_batch_functions=()
_reana_batch_refused=()
while IFS= read -rd '' _reana_batch_variable; do
  _reana_batch_name=${_reana_batch_variable%%=*}
  case $_reana_batch_name in
    # HTCondor has set these for the worker, so they do not change.
    TMP | TEMP | TMPDIR | BATCH_SYSTEM | _CHIRP_* | *_CACHEDIR | KRB5CCNAME | X509_USER_PROXY | *_VISIBLE_DEVICES | \
      GPU_DEVICE_ORDINAL | PWD | SHLVL)
      [[ -v $_reana_batch_name ]] || export "${_reana_batch_variable?}"
      ;;
    # Bash sets these itself.
    _ | BASHOPTS | SHELLOPTS | UID | EUID | PPID) ;;
    BASH_FUNC_*%%)
      _reana_batch_name=${_reana_batch_name#BASH_FUNC_} _reana_batch_name=${_reana_batch_name%\%\%}
      _reana_batch_functions+=("$_reana_batch_name ${_reana_batch_variable#*=}; builtin export -f $_reana_batch_name")
      ;;
    # Bash cannot set these, or would read its functions differently.
    [0-9]* | *[!A-Za-z0-9_]* | POSIXLY_CORRECT) _reana_batch_refused+=("$_reana_batch_name") ;;
    *) export "${_reana_batch_variable?}" ;;
  esac
done <credentials/environment
for _reana_batch_variable in "${_reana_batch_functions[@]}"; do builtin eval "$_reana_batch_variable"; done
[[ ${#_reana_batch_refused[@]} -gt 0 ]] || builtin exec bash "$@"

# Python sets the variables that bash cannot set. It reads their values from the file, because all users can read the
# arguments of a process.
if python3 -I -c '' 2>/dev/null; then
  builtin exec python3 -I -c 'import os, sys
count = int(sys.argv[1])
refused = {os.fsencode(name) for name in sys.argv[2 : 2 + count]}
for variable in open("credentials/environment", "rb").read().split(b"\0"):
    name, _, value = variable.partition(b"=")
    if name in refused:
        os.environb[name] = value
os.execvp("bash", ["bash", *sys.argv[2 + count :]])' "${#_reana_batch_refused[@]}" "${_reana_batch_refused[@]}" "$@"
fi
printf 'reana-batch: not set, because there is no python3 on %s: %s\n' "${HOSTNAME:-this worker}" \
  "${_reana_batch_refused[*]}" >&2
builtin exec bash "$@"
