"""Builds datasets: plan -> runs -> shards -> release.

Imports the domain (`nasdip_bench`) and never the readers (`nasdip_bench.api`). CONTRIBUTING.md says
what is in each room.
"""
