"""The tools around the job, for people: everything but a run.

The job (``pipeline``) needs none of them; when all is loaded it has the page of its report made here.
"""
