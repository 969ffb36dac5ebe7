"""Small workflows, each with one thing that a compiler easily gets wrong. A run leaves the same files as Snakemake."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from . import flows

pytestmark = pytest.mark.usefixtures("measured")  # the reader is a process of its own

# For each case: the files of the analysis, all of them declared.
CHECKPOINTS = {
    "files with old times, as tar leaves them": {
        "data.txt": "1\n",
        "Snakefile": """
rule all:
    input: "sum.txt"
rule fetch:
    input: "data.txt"
    output: "got.txt"
    shell: "echo fetch >> calls; cp {input} {output}"
checkpoint unpack:
    input: "got.txt"
    output: directory("runs"), "list.txt"
    shell: "echo unpack >> calls; mkdir runs; for i in 1 2; do echo $i > runs/r$i.dat; done; cp -p data.txt list.txt;"
           "touch -d '2001-01-01' runs runs/* list.txt"
rule fit:
    input: "runs/{r}.dat", "list.txt"
    output: "fit/{r}.txt"
    shell: "cat {input} > {output}; touch -d '2000-01-01' {output}"
rule sum:
    input: lambda wc: expand("fit/{r}.txt", r=sorted(glob_wildcards(checkpoints.unpack.get().output[0] + "/{r}.dat").r))
    output: "sum.txt"
    shell: "cat {input} > {output}"
""",
    },
    "one behind another, seen only then": {
        "Snakefile": """
rule all:
    input: "all.txt"
checkpoint runs:
    output: "runs.txt"
    shell: "echo A B > {output}"
checkpoint peaks:
    input: "runs.txt"
    output: "peaks/{r}.txt"
    shell: "echo 1 2 > {output}"
rule fit:
    output: "fit/{r}_{p}.txt"
    shell: "echo {wildcards.r} {wildcards.p} > {output}"
rule per_run:
    input: lambda wc: [f"fit/{wc.r}_{p}.txt" for p in open(checkpoints.peaks.get(r=wc.r).output[0]).read().split()]
    output: "run/{r}.txt"
    shell: "cat {input} > {output}"
rule collect:
    input: lambda wc: [f"run/{r}.txt" for r in open(checkpoints.runs.get().output[0]).read().split()]
    output: "all.txt"
    shell: "cat {input} > {output}"
""",
    },
    "three behind each other, in one function, in one rule and in the target": {
        "Snakefile": """
def third(wc):
    first = open(checkpoints.one.get().output[0]).read().strip()
    second = open(checkpoints.two.get(n=first).output[0]).read().strip()
    return checkpoints.three.get(n=second).output
rule all:
    input: third, "aside.txt"
rule aside:
    output: "aside.txt"
    shell: "echo aside > {output}"
checkpoint one:
    output: "one.txt"
    shell: "echo 7 > {output}"
checkpoint two:
    input: "one.txt"
    output: "two/{n}.txt"
    shell: "expr {wildcards.n} + 1 > {output}"
checkpoint three:
    output: "three/{n}.txt"
    shell: "echo {wildcards.n} > {output}"
""",
    },
    "a flag, a temporary one, one that two rules look at": {
        "Snakefile": """
rule all:
    input: "a.txt", "b.txt", "c.txt"
checkpoint flag:
    output: touch("flag")
    shell: "mkdir parts; for i in 1 2 3; do echo $i > parts/$i; done"
checkpoint passing:
    input: "flag"
    output: temp("passing.txt")
    shell: "echo 3 2 > {output}"
def parts(wc):
    checkpoints.flag.get()
    return sorted(f"half/{i}" for i in glob_wildcards("parts/{i}").i)
rule half:
    input: "parts/{i}"
    output: "half/{i}"
    shell: "cp {input} {output}"
rule a:
    input: parts
    output: "a.txt"
    shell: "cat {input} > {output}"
rule b:
    input: parts
    output: "b.txt"
    shell: "tac {input} > {output}"
rule c:
    input: lambda wc: [f"half/{i}" for i in open(checkpoints.passing.get().output[0]).read().split()]
    output: "c.txt"
    shell: "cat {input} > {output}"
""",
    },
    "its input is gone when it is done, and jobs without outputs are not run again": {
        "raw.txt": "1 2\n",
        "Snakefile": """
rule all:
    input: "all.txt", "said"
rule say:
    output: touch("said")
    shell: "echo said >> calls"
checkpoint split:
    input: "raw.txt"
    output: directory("parts")
    shell: "mkdir parts; for i in $(cat raw.txt); do echo $i > parts/$i; done; mv raw.txt used.txt"
rule collect:
    input: lambda wc: [f"{checkpoints.split.get().output[0]}/{i}" for i in "12"]
    output: "all.txt"
    shell: "cat {input} > {output}"
""",
    },
    "what the analysis gives is kept, unless the run makes what it is made from": {
        "fit/1.txt": "given\n",
        "fit/2.txt": "given\n",
        "other/1.txt": "given\n",
        "Snakefile": """
rule all:
    input: "all.txt"
checkpoint split:
    output: "list.txt", "parts/2.txt"
    shell: "echo 1 2 > list.txt; echo 2 > parts/2.txt; touch -d 2001-01-01 parts/2.txt"
rule part:
    output: "parts/1.txt"
    shell: "echo 1 > {output}"
rule fit:
    input: "parts/{i}.txt"
    output: "fit/{i}.txt"
    shell: "cp {input} {output}"
rule other:
    output: "other/{i}.txt"
    shell: "echo {wildcards.i} > {output}"
rule collect:
    input: lambda wc: [f"{d}/{i}.txt" for d in ("fit", "other") for i in open(checkpoints.split.get().output[0]).read().split()]
    output: "all.txt"
    shell: "cat {input} > {output}"
""",
    },
    "in a script that Snakemake runs, behind two": {
        "join.py": 'open(snakemake.output[0], "w").write("".join(open(f).read() for f in snakemake.input))\n',
        "Snakefile": """
rule all:
    input: "all.txt"
checkpoint one:
    output: "one.txt"
    shell: "echo a b > {output}"
checkpoint two:
    output: "two/{n}.txt"
    run:
        with open(output[0], "w") as file:
            file.write(f"{wildcards.n}1 {wildcards.n}2")
def inputs(wc):
    for name in open(checkpoints.one.get().output[0]).read().split():
        for each in open(checkpoints.two.get(n=name).output[0]).read().split():
            yield f"part/{each}.txt"
rule part:
    output: "part/{n}.txt"
    shell: "echo {wildcards.n} > {output}"
rule join:
    input: lambda wc: list(inputs(wc))
    output: "all.txt"
    script: "join.py"
""",
    },
    "absolute paths, in wildcards as well": {
        "Snakefile": """
import os
OUT = os.path.join(os.getcwd(), "out")
rule all:
    input: f"{OUT}/all.txt"
checkpoint split:
    output: directory(f"{OUT}/parts")
    shell: "mkdir {output}; touch {output}/1 {output}/2"
rule part:
    input: "{base}/parts/{i}"
    output: "{base}/done/{i}.txt"
    run:
        with open(output[0], "w") as file:
            file.write(wildcards.i)
rule collect:
    input: lambda wc: sorted(f"{OUT}/done/{i}.txt" for i in glob_wildcards(checkpoints.split.get().output[0] + "/{i,[0-9]}").i)
    output: f"{OUT}/all.txt"
    shell: "cat {input} > {output}"
""",
    },
}


# Cases that are complete when compiling.
STATIC = {
    "absolute paths below the analysis": {
        "data/in.txt": "in\n",
        "rules/more.smk": """
HERE = str(workflow.current_basedir)
rule included:
    output: f"{os.getcwd()}/included.txt"
    params: script=f"{HERE}/say.sh", other=workflow.source_path("say.sh")
    shell: "cmp {params.script} {params.other} && bash {params.script} > {output}"
""",
        "rules/say.sh": "echo said\n",
        "count.py": 'open(snakemake.output[0], "w").write(open(snakemake.input[0]).read() * 2)\n',
        "Snakefile": """
import os
BASE = workflow.basedir
OUT = os.path.join(os.getcwd(), "results")
include: "rules/more.smk"
rule all:
    input: f"{OUT}/b.txt", f"{OUT}/deep/c.txt", rules.included.output, f"{OUT}/d.txt"
rule a:
    input: f"{BASE}/data/in.txt"
    output: f"{OUT}/a.txt", directory(f"{OUT}/folder")
    log: f"{BASE}/logs/a.log"
    shell: "mkdir {output[1]}; cat {input} > {output[0]} 2> {log}; echo {output[1]} | grep -c results > {output[1]}/n"
rule b:
    input: f"{OUT}/a.txt"
    output: f"{OUT}/b.txt"
    params: folder=lambda wildcards, output: os.path.dirname(output[0])
    shell: "cat {input} {params.folder}/folder/n > {output}"
rule c:
    input: "{folder}/a.txt"
    output: "{folder}/deep/c.txt"
    benchmark: "{folder}/benchmarks/c.txt"
    script: f"{BASE}/count.py"
rule d:
    output: touch(f"{OUT}/d.txt")
    log: f"{OUT}/logs/d.log"
    shell: "echo d > {log}"
""",
    },
    "a directory to work in": {
        "data/in.txt": "in\n",
        "work/here.txt": "here\n",
        "Snakefile": """
workdir: "work/deep"
rule all:
    input: "a.txt", "sub/b.txt", "../c.txt", "d.txt"
rule a:
    input: "../../data/in.txt", "../here.txt"
    output: "a.txt"
    log: "logs/a.log"
    shell: "cat {input} > {output}; echo $(basename $(dirname $PWD))/$(basename $PWD) >> {output}; cat {workflow.basedir}/data/in.txt >> {output}"
rule b:
    input: "a.txt"
    output: "sub/b.txt"
    run:
        with open(output[0], "w") as file:
            file.write(open(input[0]).read())
rule c:
    output: "../c.txt", temp("gone.txt")
    shell: "touch {output}"
rule d:
    input: "gone.txt"
    output: protected("d.txt")
    shell: "cp {input} {output}"
""",
    },
    "what the Snakefile makes while it is read": {
        "samples.txt": "b a\n",
        "Snakefile": """
import os, subprocess
os.makedirs("logs/deep", exist_ok=True)
with open("used_samples.txt", "w") as file:
    file.write("\\n".join(open("samples.txt").read().split()))
with open("run.sh", "w") as file:
    file.write("echo ran")
os.chmod("run.sh", 0o755)
os.symlink(os.path.abspath("samples.txt"), "linked.txt")
subprocess.run("mkdir -p made && echo by a process > made/by.txt", shell=True)
def listed(wildcards):
    with open("listed.txt", "w") as file:
        file.write("listed")
    return "listed.txt"
def parts(wildcards):
    with open(f"list_{wildcards.sample}.txt") as file:
        return [f"part/{wildcards.sample}{number}" for number, _ in enumerate(file)]
for sample in open("used_samples.txt").read().split():
    with open(f"list_{sample}.txt", "w") as file:
        file.write("1\\n2\\n")
rule all:
    input: "o.txt", "p.txt", "sum_a.txt", "sum_b.txt"
rule part:
    output: "part/{sample}{number}"
    shell: "sed -n $(({wildcards.number} + 1))p list_{wildcards.sample}.txt > {output}"
rule sum:
    input: parts
    output: "sum_{sample}.txt"
    shell: "cat {input} > {output}"
rule x:
    input: "used_samples.txt", "made/by.txt", "linked.txt"
    output: "o.txt"
    shell: "sort {input} > {output} 2> logs/deep/x.txt; ./run.sh >> {output}"
rule y:
    input: listed
    output: "p.txt"
    shell: "cp {input} {output}"
""",
    },
    "inputs that a rule could make": {
        "raw.txt": "raw\n",
        "expensive.txt": "of three days\n",
        "half/1.txt": "given\n",
        "Snakefile": """
rule all:
    input: "final.txt", "half.txt"
rule slow:
    input: ancient("raw.txt")
    output: "expensive.txt"
    shell: "echo RECOMPUTED > {output}"
rule fin:
    input: "expensive.txt"
    output: "final.txt"
    shell: "cat {input} > {output}"
rule half:
    output: "half/{i}.txt"
    shell: "echo {wildcards.i} > {output}"
rule halves:
    input: "half/1.txt", "half/2.txt"
    output: "half.txt"
    shell: "cat {input} > {output}"
""",
    },
    "a file before its update": {
        "acc.txt": "run1\n",
        "Snakefile": """
rule all:
    input: "acc.txt", "snapshot.txt"
rule accumulate:
    input: "new.txt"
    output: update("acc.txt")
    shell: "cat {input} >> {output}"
rule new:
    output: "new.txt"
    shell: "echo run2 > {output}"
rule snapshot:
    input: before_update("acc.txt")
    output: "snapshot.txt"
    shell: "sleep 3; cp {input} {output}"
""",
    },
    "temporary files that are asked for": {
        "Snakefile": """
rule all:
    input: "reduced.root", "plot.txt"
rule reduce:
    output: temp("reduced.root"), temp("other.root")
    shell: "touch {output}"
rule plot:
    input: "reduced.root", "other.root"
    output: "plot.txt"
    shell: "cat {input} > {output}"
""",
    },
    "nothing to do": {
        "data.txt": "data\n",
        "Snakefile": 'rule all:\n    input: "data.txt"\n',
    },
}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write an analysis. Its files are older than any file that a run makes."""
    for name, text in {**files, "reana.yaml": _spec(files)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        os.utime(folder / name, (10**9, 10**9))
    return folder


def _spec(files: Mapping[str, str]) -> str:
    return json.dumps({"inputs": {"files": list(files)}, "workflow": {"type": "snakemake", "file": "Snakefile"}})


def ran(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False)


def left_by_both(files: Mapping[str, str], tmp_path: Path, *options: str) -> tuple[dict[str, tuple[str, bool]], ...]:
    """Return the files that our run leaves and the files that Snakemake leaves."""
    ours, theirs = write(tmp_path / "ours", files), write(tmp_path / "theirs", files)
    by_us = ran(ours, "reana_batch", "run", "-b", "make", "-j", "2", "--runs", "runs", "-w", "f", *options)
    assert by_us.returncode == 0, by_us.stderr
    by_them = ran(theirs, "snakemake", "-c2")
    assert by_them.returncode == 0, by_them.stderr
    return flows.tree(ours / "runs/f.1/workspace"), flows.tree(theirs)


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_checkpoints(case: str, tmp_path: Path) -> None:
    ours, theirs = left_by_both(CHECKPOINTS[case], tmp_path, "--strict")
    assert ours == theirs


@pytest.mark.parametrize("case", STATIC)
def test_static(case: str, tmp_path: Path) -> None:
    ours, theirs = left_by_both(STATIC[case], tmp_path, "--strict")
    assert ours == theirs


STORAGE = """
storage:
    provider="fs"
rule all:
    input: storage.fs("STORE/out.txt"), "local.txt", "other.txt"
rule push:
    input: storage.fs("STORE/in.txt")
    output: storage.fs("STORE/out.txt")
    shell: "cat {input} > {output}; echo pushed >> {output}"
rule local:
    input: storage.fs("STORE/in.txt")
    output: "local.txt"
    shell: "cat {input} > {output}"
rule other:
    input: storage.fs("STORE/out.txt")
    output: "other.txt"
    shell: "cat {input} > {output}"
"""


def test_files_in_a_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("snakemake_storage_plugin_fs", reason="the tools in requirements-dev.txt are not installed")
    if shutil.which("rsync") is None:  # the plugin copies with it
        rsync = tmp_path / "bin/rsync"
        rsync.parent.mkdir()
        rsync.write_text('#!/bin/bash\nexec cp -rL --preserve=timestamps -- "${@: -2:1}" "${@: -1}"\n')
        rsync.chmod(0o755)
        monkeypatch.setenv("PATH", f"{rsync.parent}:{os.environ['PATH']}")
    store = tmp_path / "store"
    store.mkdir()
    (store / "in.txt").write_text("in\n")
    folder = write(tmp_path / "ours", {"Snakefile": STORAGE.replace("STORE", str(store))})
    ended = ran(folder, "reana_batch", "run", "-b", "make", "-j", "2", "--runs", "runs", "-w", "f")
    assert ended.returncode == 0, ended.stderr
    workspace = folder / "runs/f.1/workspace"
    assert (store / "out.txt").read_text() == (workspace / "other.txt").read_text() == "in\npushed\n"
    assert (workspace / "local.txt").read_text() == "in\n"
    assert list((workspace / ".snakemake/storage").iterdir()) == []
