"""Side-by-side benchmarks, no part of the installed package: `python -m bench.NAME` from the repository's root.

Each prints its table and writes it to reports/benchmarks/NAME.md; `make bench` runs all. Times are for two CPU cores.

    repro       seconds of each stage of the last `make repro`; at once
    train       training beside nanoGPT, litgpt and transformers' Trainer; after `make repro`; pip, about 15 minutes
    evaluate    the adapter `lab` beside lm-eval's `hf`; after `make repro`; needs accelerate; up to 6 minutes
    generate    `lab generate` beside transformers' `generate`; after `make repro`; about 2 minutes
    curation    the whole curation beside datatrove's FineWeb recipe; web archive, datatrove; about 5 minutes
    decisions   the quality filters' decisions beside datatrove's; web archive, datatrove; a few minutes
    urls        the URL filter beside datatrove's; web archive, UT1's lists, datatrove; a few minutes
    extraction  extraction engines by quality and CPU time; web archive with gold segments; about 2 minutes
    pii         precision and recall of personal data on labelled snippets; seconds
    mutated_pages  broken pages through the extractor, without a table; web archive; about a minute

The web archive and the lists are under $LAB_SHARED (default ../shared). datatrove is installed by pip into
.lab/bench/datatrove-venv at first use and needs libmagic. Other modules are parts of these: what they compare with
(`reference_*`, started in processes of their own), our side of it (`own_*`), and what they share.
"""
