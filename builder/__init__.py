"""Builds datasets: plan -> runs -> shards -> release.

Imports the domain (`nasdip_bench`) and never the readers (`nasdip_bench.api`).

- `config`: what is asked of a build, validated
- `plan`: the runs and scores that are asked for, less what is finished, as work units
- `worker`: carries out one unit on one device
- `engines`: carry out many units, in this process or in several
- `shards`: the build folder; finished units as files that are whole or absent; `settings`: what
  holds for all of it; `packs`: many units as a few files, to be carried to another machine
- `build`: the loop over the plan, with progress, time limit and clean interruption
- `contents`: what a dataset is made of; `sources` reads it from build folders and datasets, `merge`
  makes one of several, `writer` writes it
- `release`: build folders and earlier releases as one verified dataset folder
- `cli`: ``nasdip-build``
"""
