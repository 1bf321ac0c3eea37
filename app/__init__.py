"""The todo service: transports outside, one domain in the middle, mechanisms below."""

import gc

# Importing makes no garbage and requests make few cycles. The default, a collection for every 700 new objects, costs a
# quarter of a start and one every few requests.
gc.set_threshold(10_000, 20, 20)
