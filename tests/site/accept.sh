#!/bin/bash
# accept.sh: run in the box as alice. Uses every service as a user would; prints PASS or FAIL per check.
# shellcheck disable=SC2016,SC2329  # other shells expand and call jobs and checks
set -euo pipefail
work=$(mktemp -d /shared/alice/accept.XXXXXX)
cd "$work"
export KRB5CCNAME=FILE:$work/ticket X509_USER_PROXY=$work/proxy RUCIO_CONFIG=/etc/site/rucio.cfg PYTHONWARNINGS=ignore
failed=0

check() { # NAME FUNCTION: runs in another shell, because "set -e" has no effect inside a condition
    local began=$SECONDS status=0
    export -f "${2?}"
    timeout 180 bash -euo pipefail -c "$2" >"$2.log" 2>&1 </dev/null || status=$?
    if [ "$status" = 0 ]; then
        echo "PASS $1 ($((SECONDS - began))s)"
    else
        echo "FAIL $1 (exit $status, $((SECONDS - began))s): $(tail -n 3 "$2.log" | tr '\n' ' ')"
        failed=1
    fi
}

slurm_array() {
    first=$(sbatch --parsable --array=1-4 -o /dev/null --wrap 'sleep 1; echo $SLURM_ARRAY_TASK_ID >first.$SLURM_ARRAY_TASK_ID')
    sbatch --wait --dependency="aftercorr:$first" --array=1-4 -o /dev/null --wrap 'cp first.$SLURM_ARRAY_TASK_ID second.$SLURM_ARRAY_TASK_ID'
    [ "$(cat second.[1-4] | paste -sd' ')" = "1 2 3 4" ]
    status=0
    sbatch --wait -o /dev/null --wrap 'exit 7' || status=$?
    [ "$status" = 7 ]
}

slurm_memory() {
    job=$(sbatch --parsable --mem=100 -o memory.out --wrap "python3 -c 'import time; x = b\"x\" * 400_000_000; time.sleep(60)'")
    for _ in $(seq 60); do
        state=$(sacct -XPn -j "$job" -o state)
        [[ $state =~ ^(PENDING|RUNNING|COMPLETING|)$ ]] || break
        sleep 0.5
    done
    echo "$state"
    [ "$state" = FAILED ] # Slurm reports OUT_OF_MEMORY only with cgroups
    grep 'exceeded memory limit' memory.out
}

condor_diamond() {
    printf '%s\n' '#!/bin/sh' 'sleep 0.2; echo $1 >>order' >node.sh
    chmod +x node.sh
    printf '%s\n' 'executable = node.sh' 'arguments = $(JOB)' 'should_transfer_files = NO' 'log = node.log' \
        'request_memory = 100' queue >node.sub
    printf 'JOB %s node.sub\n' A B C D >diamond.dag
    printf '%s\n' 'PARENT A CHILD B C' 'PARENT B C CHILD D' >>diamond.dag
    condor_submit_dag diamond.dag
    timeout 120 condor_wait diamond.dag.dagman.log
    order=$(paste -sd' ' order)
    [ "$order" = "A B C D" ] || [ "$order" = "A C B D" ]
}

condor_container() {
    printf '%s\n' 'universe = container' 'container_image = /opt/images/py.sif' 'transfer_container = false' \
        'should_transfer_files = NO' 'executable = /usr/bin/python3' 'transfer_executable = false' \
        "arguments = \"-c 'print(6*7)'\"" 'output = container.out' 'error = container.err' 'log = container.log' queue >container.sub
    condor_submit container.sub
    timeout 60 condor_wait container.log
    [ "$(cat container.out)" = 42 ]
}

kerberos() {
    if xrdfs root://xrd.site.test:1094 ls /data; then return 1; fi # no ticket yet
    kinit -kt ~/alice.keytab alice@SITE.TEST
    echo "hello $PWD" >sent
    xrdcp -s -f sent root://xrd.site.test:1094//data/sent
    xrdcp -s -f root://xrd.site.test:1094//data/sent received
    cmp sent received
}

voms() {
    echo alice-pass | voms-proxy-init --voms escape --key ~/.globus/userkey.pem --cert ~/.globus/usercert.pem \
        --out "$X509_USER_PROXY" --pwstdin
    [ "$(voms-proxy-info --fqan | head -n 1)" = /escape/Role=NULL/Capability=NULL ]
    xrdfs root://xrd.site.test:1095 ls /rucio
}

rucio_transfer() {
    name=accept.$(date +%s%N)
    echo "$name" >"$name"
    # this client exits 0 even when it fails, so check its result
    rucio upload --rse SITE-XRD --scope user.alice "$name"
    rucio download --dir got --no-subdir "user.alice:$name"
    cmp "$name" "got/$name"
}

containers() {
    [ "$(apptainer --silent exec /cvmfs/unpacked.site.test/images/py python3 -c 'print(6*7)')" = 42 ]
    [ "$(apptainer --silent exec --bind "$PWD:/data" /opt/images/py.sif sh -c 'ls -d /data')" = /data ]
    status=0
    apptainer --silent exec /opt/images/py.sif sh -c 'exit 9' || status=$?
    [ "$status" = 9 ]
    if touch /cvmfs/unpacked.site.test/images/x; then return 1; fi
}

containers_in_slurm() {
    sbatch --wait -o slurm.out --wrap "apptainer --silent exec /opt/images/py.sif python3 -c 'print(6*7)'"
    [ "$(cat slurm.out)" = 42 ]
}

check "Slurm: array, aftercorr, exit code" slurm_array
check "Slurm: memory limit enforced" slurm_memory
check "HTCondor: DAGMan diamond" condor_diamond
check "HTCondor: container universe" condor_container
check "Kerberos: kinit, xrdcp" kerberos
check "VOMS: proxy, XRootD" voms
check "Rucio: upload, download" rucio_transfer
check "Apptainer: tree, SIF, exit code, read-only CVMFS stand-in" containers
check "Apptainer in Slurm" containers_in_slurm
[ "$failed" = 1 ] || rm -rf "$work"
exit "$failed"
