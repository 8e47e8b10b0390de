"""A site in memory: machines, etcd, the API and apps as state machines that verbs drive in micro-steps."""
