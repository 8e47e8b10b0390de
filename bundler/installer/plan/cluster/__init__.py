"""The planner: from what is wanted and what was observed to one stage of steps, or to a refusal. Pure."""
