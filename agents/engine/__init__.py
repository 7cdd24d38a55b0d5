"""Replacements for the parts of Faust that lose records or stall.

Faust keeps the app, the agents, their channels, the worker, signals and the web
server. Four of its parts were measured to lose records. This package replaces them
behind the same agents, and is the only one that depends on Faust's internals.
streams/README.md says why; tests/kafka/test_traps_stock.py demonstrates each loss:

    consumer, conductor, acks    reader.py, group_consumer.py,    one reader per stage,
                                 assignment.py, partition.py      contiguous commits,
                                                                  guarded by ownership
    producer buffer              producer.py                      durable on return
    table, recovery              table.py, store.py               recovered before its
                                                                  partition is read,
                                                                  written after output
    agent supervision            faust_app.py, watchdog.py        an error ends the
                                                                  process and commits
                                                                  nothing
"""
