#!/bin/bash
# Before a pod's Envoy ends: nobody new is sent here, and what is open comes to its end. $1: seconds (default 10) until
# Services and balancers have seen that the pod is not ready. The image has no curl; bash speaks enough HTTP.
set -u
ask() {
    exec 3<>/dev/tcp/127.0.0.1/9901 || exit 0
    printf '%s HTTP/1.1\r\nhost: envoy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n' "$1" >&3
    cat <&3
    exec 3>&-
}
# /healthz answers 503 from here on, and answers carry `connection: close`.
ask 'POST /healthcheck/fail' >/dev/null
sleep "${1:-10}"
ask 'POST /drain_listeners' >/dev/null
while [[ $(ask 'GET /stats?filter=^http.kt.downstream_rq_active$') =~ downstream_rq_active:\ [1-9] ]]; do
    sleep 0.5
done
