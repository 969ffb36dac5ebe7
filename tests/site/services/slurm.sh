# shellcheck shell=bash
# Slurm: one controller, slurmdbd and four nodes of 8 CPUs on this one host. To change settings: slurm-set KEY=VALUE...
set -euo pipefail

NODES=(n1 n2 n3 n4)

# Use the pid file, not the name: after "scontrol reconfigure" slurmd is called slurmd-wlm, slurmctld slurmctld-wlm.
recorded() { # slurmctld|slurmdbd|slurmd.NODE: does the process of the pid file run? A killed daemon leaves the file
    [[ $(cat "/proc/$(cat "/run/slurm/$1.pid")/comm") == ${1%%.*}* ]]
} 2>/dev/null

ready() {
    local node states
    running munged && recorded slurmdbd && recorded slurmctld || return 1
    for node in "${NODES[@]}"; do recorded "slurmd.$node" || return 1; done
    # without a server the clients retry for minutes, hence the timeouts
    states=$(timeout 10 sinfo -h -N -p main -o %T) || return 1
    [ "$(wc -l <<<"$states")" = 4 ] && ! grep -qE 'down|unk|\*' <<<"$states"
}

configure() {
    mkdir -p /etc/slurm /var/spool/slurmctld /var/log/slurm /run/slurm "${NODES[@]/#//var/spool/slurmd.}"
    install -d -o munge -g munge /run/munge
    [ -f /etc/munge/munge.key ] || mungekey -k /etc/munge/munge.key
    chown -R munge:munge /var/log/munge /var/lib/munge /etc/munge
    cat >/etc/slurm/slurmdbd.conf <<'END'
AuthType=auth/munge
DbdHost=login
DbdAddr=10.99.0.1
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
LogFile=/var/log/slurm/slurmdbd.log
PidFile=/run/slurm/slurmdbd.pid
END
    chmod 600 /etc/slurm/slurmdbd.conf
    cat >/etc/slurm/slurm.conf <<'END'
ClusterName=site
SlurmctldHost=login
AuthType=auth/munge
# no cgroups here: Slurm finds processes through their parents, and samples memory from /proc
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
OverTimeLimit=0
KillWait=5
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmUser=root
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd.%n
SlurmctldPidFile=/run/slurm/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd.%n.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.%n.log
# Slurm notices a dead node within half a minute
SlurmdTimeout=10
SlurmctldTimeout=10
ReturnToService=2
JobRequeue=1
RebootProgram=/bin/true
MaxArraySize=100001
MaxJobCount=200000
MinJobAge=300
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=login
AccountingStoreFlags=job_comment,job_env,job_script
SchedulerParameters=sched_interval=5,sched_min_interval=0,bf_interval=2,default_queue_depth=1000,partition_job_depth=0,defer_batch,requeue_delay=1
# four nodes of 8 CPUs, independent of the real host
SlurmdParameters=config_overrides
NodeName=n[1-4] NodeAddr=login NodeHostname=login Port=[17001-17004] CPUs=8 RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE DefMemPerCPU=1000 State=UP
PartitionName=short Nodes=n[1-2] MaxTime=10 DefMemPerCPU=1000 State=UP
END
    echo CgroupPlugin=disabled >/etc/slurm/cgroup.conf # slurmd would not start without a cgroup file system
    ln -sfn /opt/site/slurm-set /usr/local/sbin/slurm-set
    touch /run/slurm/configured # once per box: changes of slurm-set last until the box goes down
}

register() { # the users who may submit
    [ -z "$(sacctmgr -n list user alice format=user)" ] || return 0
    [ -n "$(sacctmgr -n list cluster site format=cluster)" ] || sacctmgr -iQ add cluster site
    sacctmgr -iQ add account escape
    sacctmgr -iQ add user alice,bob account=escape
}

start() {
    local node
    [ -e /run/slurm/configured ] || configure
    running munged || as_user munge munged
    mariadb -e "create database if not exists slurm_acct_db;
        create user if not exists slurm@localhost identified by 'slurm';
        grant all on slurm_acct_db.* to slurm@localhost"
    recorded slurmdbd || slurmdbd
    wait_for 120 timeout 10 sacctmgr -n list cluster
    register
    recorded slurmctld || slurmctld
    for node in "${NODES[@]}"; do
        recorded "slurmd.$node" || slurmd -N "$node"
    done
    wait_for 120 settled
    ready
}

settled() { ready || ! pgrep -x 'slurmctld|slurmctld-wlm'; } # a dead controller does not become ready

finish() { # the controller first: it saves its state, and sends its last records to slurmdbd
    local name
    for name in slurmctld "${NODES[@]/#/slurmd.}" slurmdbd; do
        ! recorded "$name" || end TERM "$(cat "/run/slurm/$name.pid")"
    done
}
