"""One Protocol per capability. Each has a conformance suite in `gapless.testing` that every adapter runs."""
