"""A worker that is pinned to a core compiles levels on all of them. Knows no training."""

from __future__ import annotations

import json
import os
import sys

import pytest

from sample_factory.envs.dmlab.tests.resets_when_pinned import reset_once
from sample_factory.system.process import ProcessSettings, end_start_server, prepare_start_method, start_child
from sample_factory.system.reports import report_pipe

WAIT_SEC = 60.0


@pytest.mark.skipif(sys.platform != "linux", reason="affinity is Linux's")
@pytest.mark.usefixtures("deepmind_lab")
def test_the_compiler_of_a_pinned_worker_has_the_cores_and_the_niceness_of_the_run(tmp_path):
    compiled = tmp_path / "compiled.jsonl"
    cores = sorted(os.sched_getaffinity(0))
    settings = ProcessSettings(
        cores=(cores[-1],),
        niceness=3,
        environment={"DEEPMIND_LAB_STAND_IN": json.dumps({"compile_in_child": str(compiled)})},
    )
    reader, writer = report_pipe("worker")
    context = prepare_start_method(["numpy"])
    try:
        process = start_child(
            context, "worker", reset_once, (tmp_path / "places",), settings, writer, WAIT_SEC, lambda: False
        )
        writer.close()
        process.join(WAIT_SEC)
        process.close()
    finally:
        end_start_server()
    (report,) = reader.read()
    reader.close()
    own = os.nice(0)
    pinned = [[cores[-1]], min(19, own + 3)]
    assert report.data["scheduling"] == [pinned, pinned]
    assert (report.data["misses"], report.data["failures"]) == (1, 0)
    (compiler,) = [json.loads(line) for line in compiled.read_text().splitlines()]
    assert compiler["affinity"] == cores
    assert compiler["niceness"] == (own if os.geteuid() == 0 else pinned[1])
