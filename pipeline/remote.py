"""Running a job elsewhere: one submission to another of Beam's runners."""

from __future__ import annotations

import traceback
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions

from pipeline import graph
from pipeline.engine import counters_of, reason
from pipeline.job import Job, JobError
from pipeline.launch import check_rejects, end
from pipeline.report import Report


def run_remote(job: Job, report: Report) -> None:
    """Submit a job to another runner as one pipeline, and wait for it.

    Raises:
      JobError: the pipeline failed, or too many records were rejected.
    """
    options = PipelineOptions([], **job.beam, runner=job.runner)
    setup = options.view_as(SetupOptions)
    setup.setup_file = setup.setup_file or str(Path(__file__).resolve().parent.parent / "setup.py")
    try:
        pipeline = beam.Pipeline(options=options)
        again = job.input.read_again(job.contract, job.max_record_bytes)
        graph.load(pipeline, job, graph.read_all(job), again, "rejects", is_whole=True)
        result = pipeline.run()
        result.wait_until_finish()
    except Exception as error:
        raise JobError(reason(error), traceback.format_exc()) from None
    report.add(counters_of(result))
    check_rejects(job, report)
    end(job)
