"""Red Hat and its relatives: rpm metadata through libsolv, a repository that dnf reads for the site."""
