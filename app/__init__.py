"""The todo service: transports outside, one domain in the middle, mechanisms below."""
