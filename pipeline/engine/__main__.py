"""python -m pipeline.engine run STAGE | hand-over | mend: the single steps of a Snakemake run."""

import argparse
import sys

from hacm.errors import run_program


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.engine", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    run = steps.add_parser("run", help="run one stage, as Snakemake's jobs do, and record what it saw and wrote")
    run.add_argument("stage", help="its name in DVC, such as pretrain@kinect-sim-xsub")
    run.add_argument("--processes", type=int, default=1, help="how many share it, started by torchrun")
    run.add_argument("--nodes", type=int, default=1, help="of SLURM's job, to put as many of them on each")
    steps.add_parser("hand-over", help="put what was run into dvc.lock and DVC's cache, if it is as it was recorded")
    steps.add_parser("mend", help="find out by content which stages are up to date, and tell Snakemake")
    options = parser.parse_args()
    if options.step == "run":
        from pipeline.engine.processes import Launch
        from pipeline.engine.running import run_stage

        return run_stage(options.stage, Launch(options.nodes, options.processes))
    if options.step == "mend":
        from pipeline.engine.mending import mend

        mend()
        return 0
    return report_hand_over()


def report_hand_over() -> int:
    """Hand over to DVC and say what was refused; 1 if something was."""
    from pipeline.engine.handing_over import hand_over

    outcome = hand_over()
    if outcome.accepted:
        print(f"handed over to DVC: {len(outcome.accepted)} stages", file=sys.stderr)
    for name, reason in outcome.refused.items():
        print(f"error: {name}: not handed over to DVC: {reason}; start snakemake again", file=sys.stderr)
    return 1 if outcome.refused else 0


if __name__ == "__main__":
    run_program(main)
