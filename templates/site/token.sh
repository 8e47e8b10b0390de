# shellcheck shell=sh
# A token that lets workers join, good for two hours.
kubeadm token create --ttl 2h
