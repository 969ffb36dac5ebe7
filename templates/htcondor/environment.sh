# shellcheck shell=bash
# Run a job in the environment of whoever submitted the run, which credentials.sh has kept: variables and functions.
#
#   bash batch/environment.sh SCRIPT ARGUMENT...
if [[ ! -r credentials/environment ]]; then
  echo 'reana-batch: no environment was kept; "bash batch/credentials.sh" does it' >&2
  exit 95
fi
# What HTCondor tells the job of its worker stays as it is.
_reana_batch_own=
for _reana_batch_name in $(compgen -e); do
  case $_reana_batch_name in
    _CONDOR_* | _CHIRP_* | BATCH_SYSTEM | TMP | TEMP | TMPDIR | *_CACHEDIR | KRB5CCNAME | X509_USER_PROXY | \
      *_VISIBLE_DEVICES | GPU_DEVICE_ORDINAL | PWD | SHLVL)
      _reana_batch_own+=$(declare -p "$_reana_batch_name")$'\n'
      ;;
  esac
done
# Some variables of bash are read-only.
# shellcheck source=/dev/null
. credentials/environment 2>/dev/null
builtin eval "$_reana_batch_own"
builtin exec bash "$@"
