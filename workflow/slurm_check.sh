#!/usr/bin/env bash
# Does the workflow end on a real Slurm with the same tables as on this machine alone?
#   workflow/slurm_check.sh [PARAMETERS.yaml [jobs|allocation …]]      (default tests/xtb.yaml, both)
# jobs: every rule as batch jobs, by the profile as it is. allocation: workflow/allocation.sh, once stopped as at the time limit and
# called again. Installs Debian's slurm-wlm and munge and starts them on one node on loopback. Needs root and Debian; where it cannot
# run it says so in its last line and ends with 0. OURS names a work directory that already has the local results.
set -uo pipefail
cd "$(dirname "$0")/.."
parameters=${1:-tests/xtb.yaml}
[ $# = 0 ] || shift
what=${*:-jobs allocation}
python=$(realpath -s "${PYTHON:-.venv/bin/python}")
place=${PLACE:-runs/slurm-check}
ours=${OURS:-}
cores=$(env -u OMP_NUM_THREADS nproc)  # nproc takes that variable for the number of processors
cannot() { echo "SLURM NOT CHECKED: $1"; exit 0; }

[ "$(id -u)" = 0 ] || cannot "not root, so neither packages can be installed nor daemons started"
if ! command -v slurmctld >/dev/null; then
    command -v apt-get >/dev/null || cannot "no apt-get: not a Debian"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge; } \
        >/dev/null 2>&1 || cannot "slurm-wlm and munge could not be installed"
fi
[ -e /etc/slurm/slurm.conf ] && cannot "this machine already has a Slurm of its own"

mkdir -p "$place" && place=$(realpath "$place") && conf=$place/conf
rm -rf "${place:?}"/{local,jobs,allocation,conf}
mkdir -p "$conf/state" "$conf/spool" /etc/slurm
host=$(hostname -s)
# The node claims more than it has (config_overrides), so that the sizes in the profile, a cluster's, fit; --jobs keeps to what is here.
cat >"$conf/slurm.conf" <<CONF
ClusterName=getl
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SchedulerParameters=sched_interval=2,batch_sched_delay=0,sched_min_interval=0
MinJobAge=7200
ReturnToService=2
SlurmdParameters=config_overrides
StateSaveLocation=$conf/state
SlurmdSpoolDir=$conf/spool
SlurmctldPidFile=$conf/slurmctld.pid
SlurmdPidFile=$conf/slurmd.pid
SlurmctldLogFile=$conf/slurmctld.log
SlurmdLogFile=$conf/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 CPUs=16 RealMemory=64000
PartitionName=getl Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
ln -sfn "$conf/slurm.conf" /etc/slurm/slurm.conf  # where a batch job's own srun looks
started=()
stop() { scancel --partition=getl 2>/dev/null; for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done; rm -f /etc/slurm/slurm.conf; }
trap stop EXIT
trap 'exit 143' TERM INT
if ! munge -n >/dev/null 2>&1; then
    [ -f /etc/munge/munge.key ] || mungekey >/dev/null 2>&1 || cannot "munge has no key"
    mkdir -p /run/munge && chown munge: /run/munge
    runuser -u munge -- munged --foreground >"$conf/munged.log" 2>&1 &
    started+=($!)
fi
slurmctld -D >/dev/null 2>&1 &
started+=($!)
slurmd -D >/dev/null 2>&1 &
started+=($!)
for _ in $(seq 60); do sinfo -h -o %T 2>/dev/null | grep -q idle && break; sleep 1; done
sinfo -h -o %T 2>/dev/null | grep -q idle || cannot "slurmd did not come up: $(tail -n 1 "$conf/slurmd.log" 2>/dev/null)"
echo "Slurm $(sinfo --version | cut -d' ' -f2) on $cores processors"

snakemake=("$python" -m snakemake --snakefile workflow/Snakefile --quiet progress rules)
given() { # the same parameters but for the place of the results
    "$python" -c 'import sys, yaml
values = yaml.safe_load(open(sys.argv[1])) | {"work_dir": sys.argv[2]}
open(sys.argv[2] + ".yaml", "w").write(yaml.safe_dump(values))' "$parameters" "$place/$1" || exit 1
}
failed() { tail -n 40 "$1"; exit 1; }
same() { "$python" workflow/same_tables.py "$ours" "$place/$1" || exit 1; }

if [ -z "$ours" ]; then
    ours=$place/local start=$SECONDS
    given local
    "${snakemake[@]}" --cores "$cores" --configfile "$place/local.yaml" >"$conf/local.log" 2>&1 || failed "$conf/local.log"
    echo "locally: $((SECONDS - start)) s"
fi

jobs() {
    given jobs
    "${snakemake[@]}" --workflow-profile workflow/profiles/slurm --jobs $((2 * cores)) --latency-wait 20 --group-components labels=2 \
        --slurm-status-command squeue --slurm-init-seconds-before-status-checks 2 --configfile "$place/jobs.yaml" >"$conf/jobs.log" 2>&1 \
        || failed "$conf/jobs.log"
    count=$(squeue -h --states=all | wc -l)
    echo "as $count batch jobs: $((SECONDS - start)) s"
    [ "$count" -gt 4 ] || { echo "the jobs did not go through Slurm"; exit 1; }
}

submit() { # workflow/allocation.sh as a job; its number
    sbatch --parsable --cpus-per-task="$cores" --time=120 --output="$conf/allocation-%j.out" \
        --export=ALL,SNAKEMAKE="$python -m snakemake" workflow/allocation.sh "$place/allocation.yaml"
}
ended() { # wait for a job; its state
    while squeue -h -j "$1" -t PENDING,RUNNING,COMPLETING 2>/dev/null | grep -q .; do sleep 1; done
    scontrol show job "$1" | grep -o 'JobState=[A-Z]*'
}
allocation() {
    given allocation
    id=$(submit)
    until compgen -G "$place/allocation/labels/*/*/*/label.json" >/dev/null || ! squeue -h -j "$id" | grep -q .; do sleep 0.5; done
    scancel --signal=TERM --batch "$id"  # what Slurm sends before the time limit (allocation.sh's --signal)
    state=$(ended "$id")
    echo "one allocation, stopped after $((SECONDS - start)) s with $(find "$place/allocation/labels" -name label.json | wc -l) labels: $state"
    [ "$state" = JobState=FAILED ] && [ ! -e "$place/allocation/done/06_inference.json" ] || failed "$conf/allocation-$id.out"
    id=$(submit)
    state=$(ended "$id")
    echo "called again, to the end: $state, together $((SECONDS - start)) s"
    [ "$state" = JobState=COMPLETED ] || failed "$conf/allocation-$id.out"
}

for one in $what; do
    start=$SECONDS
    "$one" && same "$one"
done
