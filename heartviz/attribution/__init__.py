"""Attribution methods: one family a file, each on a network's own picture; `methods` names and runs them all."""
