"""What a plan is worth: audited, compared, and, where there is none, why."""
