# shellcheck shell=bash
# Run one job in a scratch directory that HTCondor has filled. At its end the directory holds only what HTCondor copies
# back to the run directory:
#   logs and state  the logs and the records
#   workspace       the declared outputs; without any, all files that the job made or changed
#
#   bash batch/ship.sh FOLDER CHUNK        the step's folder, and the number of the job
set -u
folder=$1 chunk=$2
mkdir -p workspace logs state
: >.arrived
sleep 0.1  # the job's files must be newer than the mark, and clocks of file systems are coarse

# Print the file or folder of a declared output, or the files that match it as a pattern. A NUL ends each.
named() ( # OUTPUT
  cd everything || exit
  [[ ! -e $1 ]] || { printf '%s\0' "$1"; exit; }
  shopt -s globstar dotglob nullglob
  IFS=
  for file in $1; do [[ -d $file || ! -e $file ]] || printf '%s\0' "$file"; done
)

REANA_BATCH_ALONE=1 bash "batch/steps/$folder/job.sh" "$chunk" &
job=$!
trap 'kill -TERM "$job"' TERM INT HUP
wait "$job"
code=$?
while kill -0 "$job" 2>/dev/null; do  # a signal ended the wait, not the job
  wait "$job"
  code=$?
done

if [[ -e batch/steps/$folder/outputs ]]; then
  mv workspace everything
  mkdir workspace
  while IFS= read -rd '' output; do
    while IFS= read -rd '' file; do
      mkdir -p "workspace/$(dirname "$file")"
      mv -f "everything/$file" "workspace/$file"
    done < <(named "$output")
  done <"batch/steps/$folder/outputs"
else
  # Compare the time of a file's last change, because tar and cp -p set the time of its data back.
  find workspace -type f ! -cnewer .arrived -delete
fi
exit "$code"
