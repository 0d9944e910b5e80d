"""Many cases from one input: plan, claims, workers, dataset."""
