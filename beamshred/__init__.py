"""The tools around the job, for people: what is more than a run. The job (``pipeline``) imports none of them."""
