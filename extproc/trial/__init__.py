"""A configuration tried on one request, without Envoy, network or AWS: by the functions that the gateway runs."""
