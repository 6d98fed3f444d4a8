"""How much a tick costs, beside the least that anybody could pay for the same answers. See README.md."""
