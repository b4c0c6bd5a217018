"""docs/moving.md: a project goes to a remote, to another machine and to a scratch disk, and its results come back."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from pipeline.yaml_tree import read_yaml
from tests.conftest import PROJECT, environment, run
from tests.helpers.slurm import free_port

CLEAN = "Data and pipelines are up to date."
SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
AUTHOR = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in
          (("NAME", "reader"), ("EMAIL", "reader@example.org"))}  # fmt: skip
S3_KEYS = {"aws_access_key_id": "reader", "aws_secret_access_key": "secret"}
PRETRAINED = "models/kinect-sim-xsub/hacm/seed-0/weights.safetensors"


def blocks(language):
    """The page's blocks of a language."""
    page = (PROJECT / "docs/moving.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_page_from_its_first_line_to_its_last(project_copy, tmp_path):
    """In one shell after the other, as written; nothing trains again, and the new result arrives."""
    places = {name: str(tmp_path / name.lower()) for name in ("STORE", "CLUSTER", "SCRATCH")}
    weights = (project_copy / PRETRAINED).read_bytes()
    outputs = [
        run(tmp_path, "bash", "-ec", block, PROJECT=str(project_copy), **places, **AUTHOR).stdout
        for block in blocks("bash")
    ]
    cluster, scratch = tmp_path / "cluster", tmp_path / "scratch/project"
    assert [output.count(CLEAN) for output in outputs] == [0, 0, 2, 1, 1], outputs
    assert "Stage 'report' didn't change, skipping" in outputs[2]
    assert not any(
        word in output for output in outputs for word in ("Running stage 'pretrain", "Running stage 'ingest")
    )
    assert (scratch / PRETRAINED).read_bytes() == (cluster / PRETRAINED).read_bytes() == weights
    assert run(scratch, "dvc", "cache", "dir").stdout.strip() == f"{tmp_path}/scratch/dvc-cache"
    assert not (scratch / ".dvc/cache").exists()
    assert any((tmp_path / "scratch/dvc-site").rglob("*"))
    assert read_yaml(cluster / "params.yaml")["evaluate"]["knn"]["k"] == 3


@contextmanager
def ssh_server(folder):
    """A private sshd on the loopback address with keys of its own, which knows one key; yields its port."""
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    port = free_port()
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\n"
        f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        "PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd, as root, locks its helper processes up
    with open(folder / "log", "w") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=log)
    try:
        while "Server listening" not in (folder / "log").read_text():
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@contextmanager
def s3_server(folder):
    """A mock server of S3 on the loopback address, with one bucket; yields its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with open(folder / "s3.log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stderr=log, stdout=log
        )
    try:
        client = boto3.client("s3", endpoint_url=address, region_name="us-east-1", **S3_KEYS)
        while True:
            assert process.poll() is None, (folder / "s3.log").read_text()
            try:
                client.create_bucket(Bucket="my-bucket")
                break
            except EndpointConnectionError:
                time.sleep(0.05)
        yield address, client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@pytest.mark.network
def test_push_and_pull_over_s3(project_copy, tmp_path):
    """The page's commands with another server, and from a clone back: every artefact, and nothing to do."""
    keys = {name.upper(): value for name, value in S3_KEYS.items()} | {"AWS_DEFAULT_REGION": "us-east-1"}
    with s3_server(tmp_path) as (address, client):
        commands = [line.split("#")[0].removeprefix("$ ").strip() for line in blocks("console")[1].splitlines()]
        assert len(commands) == 3
        for command in commands:
            run(project_copy, "sh", "-ec", command.replace("https://s3.example.org", address), **keys)
        pages = client.get_paginator("list_objects_v2").paginate(Bucket="my-bucket", Prefix="hacm/")
        assert sum(len(page["Contents"]) for page in pages) > 40
        run(project_copy, "git", "add", "-A")
        run(project_copy, "git", "commit", "-qm", "results", **AUTHOR)
        clone = tmp_path / "clone"
        run(tmp_path, "git", "clone", "-q", str(project_copy), str(clone))
        run(clone, "dvc", "pull", "--allow-missing", **keys)
    assert (clone / PRETRAINED).read_bytes() == (project_copy / PRETRAINED).read_bytes()
    run(clone, "dvc", "repro", "--single-item", "download@kinect-sim")
    assert run(clone, "dvc", "status").stdout.strip() == CLEAN


@pytest.mark.network
@pytest.mark.skipif(SSHD is None, reason="needs sshd: apt-get install openssh-server")
def test_push_and_pull_over_ssh(project_copy, tmp_path):
    """The page's commands with another server, and from a clone back: clean, and the report needs no training."""
    (tmp_path / "keys").mkdir()
    with ssh_server(tmp_path / "keys") as port:
        user = environment().get("USER") or subprocess.check_output(["id", "-un"], text=True).strip()
        remote, key, push = (
            line.split("#")[0].removeprefix("$ ").strip() for line in blocks("console")[0].splitlines()
        )
        remote = remote.replace("me@server.example.org:22/srv/dvc", f"{user}@127.0.0.1:{port}{tmp_path}/srv")
        key = key.replace("~/.ssh/id_ed25519", str(tmp_path / "keys/user"))
        for command in (remote, key, push):
            run(project_copy, "sh", "-ec", command)
        assert str(port) in (project_copy / ".dvc/config").read_text()
        assert len([path for path in (tmp_path / "srv").rglob("*") if path.is_file()]) > 40
        run(project_copy, "git", "add", "-A")
        run(project_copy, "git", "commit", "-qm", "results", **AUTHOR)
        clone = tmp_path / "clone"
        run(tmp_path, "git", "clone", "-q", str(project_copy), str(clone))
        run(clone, "sh", "-ec", key)
        run(clone, "dvc", "pull", "--allow-missing")
    assert (clone / PRETRAINED).read_bytes() == (project_copy / PRETRAINED).read_bytes()
    run(clone, "dvc", "repro", "--single-item", "download@kinect-sim")
    assert run(clone, "dvc", "status").stdout.strip() == CLEAN
    shutil.rmtree(clone / "report")
    (command,) = re.findall(r"^report: .*\n\t@(.*)", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    output = run(clone, *command.split()).stdout
    assert "pretrain" not in output
    assert (clone / "report/report.html").read_bytes() == (project_copy / "report/report.html").read_bytes()
