"""Run the jobs of a benchmark and record their results, so that a killed run resumes."""
