"""REST over the domain: parse, call one command or query, render. One folder per version."""
