"""Attribution methods: one family a file; each gives an Attribution on the film's own frame."""
