"""Execution of a plan: schedule, actions, journal, locks, events, report."""
