# Runs programs that a signal stops at once, and retries cluster calls that are safe to retry.
# shellcheck shell=bash disable=SC2154 # deploy.sh sets what is not set here, and is checked with this file.

# Connection errors and errors of a starting server: the same call may succeed a moment later.
readonly connection_errors='connection refused|connection reset|connect: |dial tcp|Unable to connect|i/o timeout|TLS handshake|unexpected EOF|: EOF|no route to host|connection lost|etcdserver:|currently unable to handle|ServiceUnavailable|Too many requests|Timeout exceeded|context deadline exceeded'

child=''

kubectl() {
    command kubectl ${KUBE_CONTEXT:+--context "${KUBE_CONTEXT}"} "$@"
}

now() {
    date +%s
}

# Runs a command in its own process group and waits for it. Bash defers traps while a command is in the
# foreground, but runs them at once during `wait`.
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

# Runs kubectl up to six times with growing pauses while the connection fails. Only for idempotent calls: get,
# server-side apply, delete with --ignore-not-found.
steady() {
    local pause status files
    files=$(mktemp -d "${work}/call.XXXXXX")
    for pause in 1 2 4 8 15 0; do
        status=0
        kubectl --request-timeout=30s "$@" >"${files}/out" 2>"${files}/err" || status=$?
        if ((status == 0 || pause == 0)) || ! grep -Eq "${connection_errors}" "${files}/err"; then
            break
        fi
        warn "the cluster does not respond; the call is retried in ${pause} s: $(tail -n 1 "${files}/err")"
        sleep "${pause}"
    done
    cat "${files}/out"
    cat "${files}/err" >&2
    rm -rf "${files}"
    return "${status}"
}

# Runs `steady` in the namespace.
in_namespace() {
    steady --namespace "${namespace}" "$@"
}

change() {
    shown kubectl "$@"
    "${dry_run}" || stoppable steady "$@"
}
