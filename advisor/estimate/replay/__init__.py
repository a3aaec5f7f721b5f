"""A training step replayed without numbers: what is alive when, in sizes that stay symbols."""
