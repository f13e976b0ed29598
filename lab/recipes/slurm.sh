#!/bin/bash
# Training on several nodes by SLURM: set `model` and `train` in params.yaml, then, from the project's folder,
#
#     sbatch lab/recipes/slurm.sh                          # 2 nodes of 8 GPUs
#     sbatch --nodes 16 --partition gpu lab/recipes/slurm.sh
#
# All nodes must share the folder and its .venv. One task per node: torchrun, which starts a process for each GPU and
# connects to the other nodes through the first one. If a process dies, all are started again; a job that is preempted,
# loses a node or comes near its time limit is queued again. Both continue from the last checkpoint (.lab/train). SIGTERM
# writes one, if ten steps and the writing take less than SLURM's KillWait (30 s); otherwise the steps since the last
# multiple of train.checkpoint_every are repeated. The stages before and after training run on the first node.

#SBATCH --job-name=pretraining-lab
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
#SBATCH --open-mode=append
#SBATCH --output=slurm-%j.log

set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?start this with sbatch}"
export PATH="$PWD/.venv/bin:$PATH"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-8}"
# Otherwise processes that torchrun starts again may get the addresses of those that died, and wait for them.
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1

requeue() {
  echo "slurm.sh: the time limit is near; queueing job $SLURM_JOB_ID again"
  scontrol requeue "$SLURM_JOB_ID"
}
trap requeue USR1

dvc repro tokenize

first_node=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
# In the background, since bash runs a trap only between commands.
srun --ntasks-per-node=1 --cpus-per-task="$SLURM_CPUS_ON_NODE" --kill-on-bad-exit=1 \
  torchrun \
  --nnodes="$SLURM_JOB_NUM_NODES" \
  --nproc-per-node="${SLURM_GPUS_ON_NODE:-gpu}" \
  --rdzv-backend=c10d \
  --rdzv-endpoint="$first_node:$((29500 + SLURM_JOB_ID % 1000))" \
  --rdzv-id="$SLURM_JOB_ID.${SLURM_RESTART_COUNT:-0}" \
  --max-restarts=2 \
  -m stages train &
wait $!

dvc commit --force train # training ran outside DVC, with the outputs that `dvc repro` would have made
dvc repro
