"""How a site is: what its hosts and its cluster show, judged by one set of rules."""
