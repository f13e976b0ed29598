"""Which decision made the base model better: variants x seeds are planned (plan, overrides, budget), run through DVC in
clones of the project (queue, schedule, workspace), found again (repository) and read (results, lineage)."""
