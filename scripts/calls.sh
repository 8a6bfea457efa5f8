# Runs programs so that a signal stops them at once, and retries calls of the cluster that are safe to retry.
# shellcheck shell=bash disable=SC2154 # deploy.sh sets what is not set here, and is checked with this file.

# Errors of the connection and of a server that is starting: the same call may succeed a moment later.
readonly connection_errors='connection refused|connection reset|connect: |dial tcp|Unable to connect|i/o timeout|TLS handshake|unexpected EOF|: EOF|no route to host|connection lost|etcdserver:|currently unable to handle|ServiceUnavailable|Too many requests|Timeout exceeded|context deadline exceeded'

child=''

kubectl() {
    command kubectl ${KUBE_CONTEXT:+--context "${KUBE_CONTEXT}"} "$@"
}

now() {
    date +%s
}

# Runs a command in a process group of its own and waits for it. Bash runs no trap while a command is in
# the foreground, and runs it at once during `wait`.
stoppable() {
    local status=0
    set -m
    "$@" </dev/null &
    child=$!
    set +m
    wait "${child}" || status=$?
    child=''
    return "${status}"
}

stop_child() {
    [[ -n ${child} ]] || return 0
    kill -TERM -- "-${child}" 2>/dev/null || true
    wait "${child}" 2>/dev/null || true
    child=''
}

# kubectl, up to six times with growing pauses while the connection fails. For calls that end the same way
# when they are repeated: get, server-side apply, delete of what may be gone.
steady() {
    local pause status files
    files=$(mktemp -d "${work}/call.XXXXXX")
    for pause in 1 2 4 8 15 0; do
        status=0
        kubectl --request-timeout=30s "$@" >"${files}/out" 2>"${files}/err" || status=$?
        if ((status == 0 || pause == 0)) || ! grep -Eq "${connection_errors}" "${files}/err"; then
            break
        fi
        warn "the cluster does not answer; the call is repeated in ${pause} s: $(tail -n 1 "${files}/err")"
        sleep "${pause}"
    done
    cat "${files}/out"
    cat "${files}/err" >&2
    rm -rf "${files}"
    return "${status}"
}

# steady in the namespace, shown first when it changes something.
in_namespace() {
    steady --namespace "${namespace}" "$@"
}

change() {
    shown kubectl "$@"
    "${dry_run}" || stoppable steady "$@"
}
