"""Imports results of the paper's released code."""
