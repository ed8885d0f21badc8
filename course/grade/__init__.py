"""Marks for a folder of learners' notebooks."""
