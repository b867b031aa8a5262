"""What gapless costs, beside what people use instead. `python -m bench` lists the benchmarks.

    __main__ ── one benchmark ── measure ──► a process each: ours/… and rivals/… , which report through child
                     │                         (a rival's own environment: environments)
                     └── report: the table, or the JSON document

This process imports nothing heavy, so that what it starts begins small.
"""
