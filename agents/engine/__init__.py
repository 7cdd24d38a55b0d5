"""What makes a Faust app safe and fast: the only room that knows Faust's inside.

Faust keeps the app, the agents, their channels, the worker, signals and the web
server. Four of its parts were measured to lose records and are replaced here behind
the same agents; streams/README.md says why, tests/kafka/test_traps_stock.py shows it:

    consumer, conductor, acks     reader.py, ledger.py    one reader a stage, contiguous
                                                          commits, guarded by ownership
    producer buffer               producer.py             durable before it returns
    table, recovery               table.py, store.py      recovered before its partition
                                                          is read, written after output
    agent supervision             boot.py, watchdog.py    an error ends the process and
                                                          commits nothing
"""
