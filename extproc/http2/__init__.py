"""HTTP/2's server side and gRPC's framing in it, sans-IO: bytes and the time in, events out, bytes out.

Written for one kind of peer, on this machine: Envoy, and gRPC clients that ask for health. RFC 9113 and RFC 7541 are
followed in full where a peer can tell; what a gRPC server never does (push, informational answers, CONNECT) is not
there. Every length, count and rate that a peer chooses has a limit in limits.py.
"""
