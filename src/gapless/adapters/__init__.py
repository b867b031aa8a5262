"""One folder per technology behind a port; the only places that import its client library."""
